import type { SettingValues } from "#db/settings";
import type { FieldFault } from "#errors";
import { findGpuType } from "#gpu-types";
import { expectedSource, parseModelSource } from "#model-sources";

/** Checks the settings of rented pods; GPU types are stored by their ids, each model once. */
export function checkPodSettings(
  change: Partial<SettingValues>,
  known: { gpuTypes: readonly string[] },
): { change: Partial<SettingValues>; faults: FieldFault[] } {
  const faults: FieldFault[] = [];
  const gpuTypes = change["backend.gpu_types"]?.map((name, at) => {
    const found = findGpuType(name, known.gpuTypes);
    if ("gpuType" in found) return found.gpuType;
    const path = `backend.gpu_types.${at}`;
    faults.push({ path, message: `no GPU type of RunPod; near: ${found.nearest.join(", ")}` });
    return name;
  });
  const models = change["backend.models"]?.map((source) => source.trim());
  for (const [at, source] of models?.entries() ?? []) {
    if (parseModelSource(source) !== undefined) continue;
    faults.push({ path: `backend.models.${at}`, message: expectedSource });
  }
  return {
    change: {
      ...(gpuTypes && { "backend.gpu_types": [...new Set(gpuTypes)] }),
      ...(models && { "backend.models": [...new Set(models)] }),
    },
    faults,
  };
}
