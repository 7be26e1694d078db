import { t } from "elysia";
import { referencesBody } from "../../fields/references";
import { seedCount } from "./parameters";
import { overridesBody } from "./parameters-model";
import { scheduleFields } from "./schedule-model";
import { sessionSchema } from "./session-model";
import { stepSchema } from "./step-model";

const strict = { additionalProperties: false };

/** The body of a step with every field optional. Omitted ones are recalled from the photo. */
export const variationBody = t.Object(
  {
    prompt: t.Optional(t.String()),
    negative_prompt: t.Optional(t.Nullable(t.String({ description: "null: no negative prompt" }))),
    count: t.Optional(t.Integer({ description: "Number of images, 1 to MAX_BATCH_SIZE" })),
    seed: t.Optional(t.Integer({ minimum: 0, maximum: seedCount - 1 })),
    same_seed: t.Optional(
      t.Boolean({ default: false, description: "Use the photo's seed. Not together with `seed`." }),
    ),
    parameters: t.Optional(overridesBody),
    references: t.Optional(referencesBody),
    ...scheduleFields,
    inputs: t.Optional(
      t.Record(t.String(), t.Any(), {
        maxProperties: 500,
        description: "Only for a photo of a recipe, in place of `parameters`",
      }),
    ),
  },
  strict,
);

export const variationSchema = t.Object(
  { session: sessionSchema, step: stepSchema },
  { title: "Variation" },
);
