import { t } from "elysia";
import { seedCount } from "./parameters";
import { overridesBody } from "./parameters-model";
import { sessionSchema } from "./session-model";
import { stepSchema } from "./step-model";

const strict = { additionalProperties: false };

/** What a step's body holds, all of it optional: what is left out is recalled from the photo. */
export const variationBody = t.Object(
  {
    prompt: t.Optional(t.String()),
    negative_prompt: t.Optional(t.Nullable(t.String({ description: "null: none" }))),
    count: t.Optional(t.Integer({ minimum: 1, description: "Images, up to MAX_BATCH_SIZE" })),
    seed: t.Optional(t.Integer({ minimum: 0, maximum: seedCount - 1 })),
    same_seed: t.Optional(
      t.Boolean({ default: false, description: "The photo's own seed; not together with `seed`" }),
    ),
    parameters: t.Optional(overridesBody),
  },
  strict,
);

export const variationSchema = t.Object(
  { session: sessionSchema, step: stepSchema },
  { title: "Variation" },
);
