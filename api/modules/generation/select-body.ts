import { type Static, t } from "elysia";
import { type FieldFault, invalid } from "#errors";
import { repaintFields, toUpscaleWish, upscaleFields } from "./upscale-body";
import type { Selection } from "./selection";
import { stepSchema } from "./step-model";

const uuid = t.String({ format: "uuid" });

const finishFields = { ...upscaleFields, ...repaintFields };

export const selectBody = t.Object(
  {
    image_id: uuid,
    finish: t.Optional(
      t.Literal("upscale", {
        description: "Also enlarge the image; `scale`, `to` and `model_key` say how",
      }),
    ),
    ...finishFields,
  },
  { additionalProperties: false },
);

export const selectedStepSchema = t.Object(
  {
    ...stepSchema.properties,
    finishing_step_id: t.Optional(
      t.String({ format: "uuid", description: "The step that enlarges the image" }),
    ),
  },
  { title: "SelectedStep" },
);

/** @throws AppError validation_error for fields that belong to `finish` */
export function readSelection(body: Static<typeof selectBody>): Omit<Selection, "stepId"> {
  const { image_id: imageId, finish } = body;
  const wish = toUpscaleWish(body);
  if (finish) return { imageId, path: "image_id", finish: wish };
  const faults: FieldFault[] = Object.keys(finishFields)
    .filter((name) => body[name as keyof typeof finishFields] !== undefined)
    .map((path) => ({ path, message: "only with finish" }));
  if (faults.length > 0) throw invalid("The image cannot be selected; see details.errors.", faults);
  return { imageId, path: "image_id" };
}
