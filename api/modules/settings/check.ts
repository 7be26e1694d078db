import type { SettingValues } from "#db/settings";
import { type FieldFault, invalid } from "#errors";
import { ruleOf } from "#recipes/node-rules";
import { tidyTitle } from "../../fields/text";
import { checkPodSettings } from "./check-pods";

/**
 * Checks a change for what its schema cannot express, and brings it into the form that is stored.
 * @param known.gpuTypes ids of the GPU types that can be rented
 * @throws AppError validation_error with every fault
 */
export function checkSettings(
  change: Partial<SettingValues>,
  known: { maxBatchSize: number; gpuTypes: readonly string[] },
): Partial<SettingValues> {
  const faults: FieldFault[] = [];
  const batchSize = change["generation.default_batch_size"];
  if (batchSize !== undefined && batchSize > known.maxBatchSize) {
    const message = `a whole number from 1 to ${known.maxBatchSize}`;
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
  for (const [at, type] of change["generation.allowed_node_types"]?.entries() ?? []) {
    const rule = ruleOf(type);
    const path = `generation.allowed_node_types.${at}`;
    if (rule.kind === "refused")
      faults.push({ path, message: `cannot be allowed: it ${rule.why}` });
  }
  const pods = checkPodSettings(change, known);
  faults.push(...pods.faults);
  if (faults.length > 0)
    throw invalid("The settings are not as expected; see details.errors.", faults);
  return {
    ...change,
    ...pods.change,
    ...(boardName !== undefined && { "backend.board_name": boardName }),
    ...(localUrl !== undefined && { "backend.local_url": localUrl.replace(/\/+$/, "") }),
    ...(ratios && { "generation.aspect_ratios": ratios }),
  };
}
