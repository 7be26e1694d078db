import type { Static } from "elysia";
import { type FieldFault, invalid } from "#errors";
import type { Json } from "#recipes/recipe";
import { referencesFromWire } from "../../fields/references";
import { toRequestedParameters } from "./parameters-model";
import type { RecipeStepRequest } from "./recipe-steps";
import type { stepBody } from "./step-model";
import { toSchedule } from "./schedule-model";
import type { StepRequest } from "./steps";

type Place = "id" | "sessionId";

/** What a body requests: images of a model, painted with the mask of a photo if it names one, or a run of a recipe. */
export type RequestedStep =
  | ({ kind: "images"; maskPhotoId: string | null } & Omit<StepRequest, Place | "mask">)
  | ({ kind: "recipe" } & Omit<RecipeStepRequest, Place>);

/**
 * @param sent whether a mask came with the body
 * @throws AppError validation_error for fields that do not belong together, or a time that cannot be used
 */
export function readStepBody(
  body: Static<typeof stepBody>,
  now: Date,
  sent: { mask: boolean } = { mask: false },
): RequestedStep {
  const faults: FieldFault[] = [];
  const parts = {
    parentId: body.parent_id ?? null,
    sourceImageId: body.source_image_id ?? null,
    schedule: toSchedule(body, now),
  };
  if (body.recipe_id !== undefined) {
    if (body.expand) {
      faults.push({ path: "expand", message: "not together with recipe_id" });
    }
    if (body.parameters !== undefined) {
      faults.push({ path: "parameters", message: "not together with recipe_id; use inputs" });
    }
    if (body.references !== undefined) {
      faults.push({ path: "references", message: "not together with recipe_id; use inputs" });
    }
    if (body.mask || sent.mask) {
      faults.push({ path: "mask", message: "not together with recipe_id; use inputs" });
    }
    refuseAll(faults);
    return {
      kind: "recipe",
      recipeId: body.recipe_id,
      prompt: body.prompt,
      negativePrompt: body.negative_prompt ?? undefined,
      inputs: (body.inputs ?? {}) as Record<string, Json>,
      seed: body.seed,
      batchSize: body.batch_size,
      ...parts,
    };
  }
  for (const name of ["inputs", "seed", "batch_size"] as const) {
    if (body[name] === undefined) continue;
    const message =
      name === "inputs" ? "only with recipe_id" : `only with recipe_id; else parameters.${name}`;
    faults.push({ path: name, message });
  }
  if (body.mask && sent.mask) {
    faults.push({ path: "mask", message: "not together with the part named mask" });
  }
  const { prompt, parameters } = body;
  if (prompt === undefined) faults.push({ path: "prompt", message: "required" });
  if (parameters === undefined) faults.push({ path: "parameters", message: "required" });
  refuseAll(faults);
  return {
    kind: "images",
    prompt: prompt ?? "",
    negativePrompt: body.negative_prompt ?? null,
    expand: body.expand ?? false,
    parameters: toRequestedParameters(parameters!),
    maskPhotoId: body.mask ?? null,
    references: referencesFromWire(body.references ?? []),
    ...parts,
  };
}

function refuseAll(faults: FieldFault[]): void {
  if (faults.length > 0) throw invalid("The step cannot be requested; see details.errors.", faults);
}
