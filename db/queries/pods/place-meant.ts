import type { PodSession } from "../../schema/pod-sessions";
import type { SettingValues } from "../../settings";
import { placeToRent } from "./requests";

/**
 * The place that requests mean: with mode `remote`, that of the pod that runs, else that of the next one.
 * @param live the pod session that has not ended
 */
export function placeMeant(
  settings: Pick<SettingValues, "backend.mode" | "backend.volume_id">,
  live: PodSession | undefined,
): string {
  if (settings["backend.mode"] === "local") return "local";
  // A pod without a volume is a place only once its InvokeAI runs.
  if (live && (live.volumeId !== null || live.readyAt !== null)) return live.place;
  return placeToRent(settings["backend.volume_id"]);
}
