import type { SettingValues } from "#db/settings";
import { AppError, type FieldFault, invalid } from "#errors";
import { tidyTitle } from "../../text";

/**
 * Holds a change against what its schema cannot know, and brings it into the form that is kept.
 * @throws AppError validation_error with every fault; pod_error where nothing can be rented
 */
export function checkSettings(
  change: Partial<SettingValues>,
  limits: { maxBatchSize: number },
): Partial<SettingValues> {
  const faults: FieldFault[] = [];
  const batchSize = change["generation.default_batch_size"];
  if (batchSize !== undefined && batchSize > limits.maxBatchSize) {
    const message = `a whole number from 1 to ${limits.maxBatchSize}`;
    faults.push({ path: "generation.default_batch_size", message });
  }
  const localUrl = change["backend.local_url"];
  if (localUrl !== undefined && !URL.canParse(localUrl)) {
    faults.push({ path: "backend.local_url", message: "an http:// or https:// URL" });
  }
  const asked = change["backend.board_name"];
  const boardName = asked === undefined ? undefined : tidyTitle(asked);
  if (boardName === null && asked !== null) {
    faults.push({ path: "backend.board_name", message: "1 to 300 characters, or null" });
  }
  const ratios = change["generation.aspect_ratios"]?.map((ratio) => ({
    ...ratio,
    name: tidyTitle(ratio.name) ?? "",
  }));
  for (const [at, { name }] of ratios?.entries() ?? []) {
    const path = `generation.aspect_ratios.${at}.name`;
    if (name === "") faults.push({ path, message: "1 to 50 characters" });
  }
  if (faults.length > 0)
    throw invalid("The settings are not as expected; see details.errors.", faults);
  if (change["backend.mode"] === "remote") throw nothingToRent();
  return {
    ...change,
    ...(boardName !== undefined && { "backend.board_name": boardName }),
    ...(localUrl !== undefined && { "backend.local_url": localUrl.replace(/\/+$/, "") }),
    ...(ratios && { "generation.aspect_ratios": ratios }),
  };
}

function nothingToRent(): AppError {
  return new AppError({
    kind: "conflict",
    code: "pod_error",
    message: "This server cannot rent GPUs yet: leave backend.mode at local. Nothing was changed.",
  });
}
