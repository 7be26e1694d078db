import { type Static, t } from "elysia";
import {
  type Preprocessor,
  preprocessorNames,
  type Reference,
  type ReferenceRole,
  referenceRoles,
} from "#generation-references";
import { oneOf } from "./one-of";

const strict = { additionalProperties: false };
const uuid = t.String({ format: "uuid" });

const fields = {
  image_id: uuid,
  role: oneOf(referenceRoles, {
    description:
      "edit: the picture that the prompt speaks of. style, composition: what is taken over from it. control: a map that the image follows.",
  }),
  weight: t.Optional(
    t.Number({ description: "0 to 2, for FLUX Redux to 1; 0: no influence. Not with edit." }),
  ),
  begin: t.Optional(
    t.Number({ description: "From which part of the sampling it has an influence: 0 to 1" }),
  ),
  end: t.Optional(t.Number({ description: "Until which: 0 to 1" })),
  preprocessor: t.Optional(
    oneOf(preprocessorNames, {
      description:
        "What makes the control map of the picture. Default: none, as the picture is one. Those after face fetch weights to InvokeAI's machine and have to be allowed by the owner.",
    }),
  ),
  model_key: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 200,
      description: "The model that carries it. Default: chosen among those of InvokeAI.",
    }),
  ),
};

/** Ranges depend on what carries the reference: `generation/references.ts` checks them. */
export const referencesBody = t.Array(t.Object(fields, strict), {
  maxItems: 100,
  description: "Pictures that the images are conditioned on, besides the source image; at most 8",
});

export const referencesSchema = t.Array(
  t.Object(
    {
      ...fields,
      encoder_key: t.Optional(t.String({ description: "The model that reads it for model_key" })),
    },
    strict,
  ),
);

/** A reference of a request, before it is completed. */
export type RequestedReference = {
  imageId: string;
  role: ReferenceRole;
  weight?: number | undefined;
  begin?: number | undefined;
  end?: number | undefined;
  preprocessor?: Preprocessor | undefined;
  modelKey?: string | undefined;
  /** From a photo: its adapter is replaced, and its numbers are adjusted, where they do not fit the model. */
  isRecalled?: true;
};

export function referencesFromWire(body: Static<typeof referencesBody>): RequestedReference[] {
  return body.map(({ image_id, model_key, role, weight, begin, end, preprocessor }) => ({
    imageId: image_id,
    role,
    weight,
    begin,
    end,
    preprocessor,
    modelKey: model_key,
  }));
}

export function referencesToWire(
  references: readonly Reference[],
): Static<typeof referencesSchema> {
  return references.map(({ imageId, role, weight, begin, end, ...rest }) => ({
    image_id: imageId,
    role,
    ...(weight !== undefined && { weight }),
    ...(begin !== undefined && { begin }),
    ...(end !== undefined && { end }),
    ...(rest.preprocessor !== undefined && { preprocessor: rest.preprocessor }),
    ...(rest.modelKey !== undefined && { model_key: rest.modelKey }),
    ...(rest.encoderKey !== undefined && { encoder_key: rest.encoderKey }),
  }));
}
