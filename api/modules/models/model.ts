import { type Static, t } from "elysia";
import type { Model } from "#db/schema/models";
import type { ModelNeed } from "#generation-parameters";
import { referenceRoles } from "#generation-references";
import { oneOf } from "../../fields/one-of";
import type { ReferenceUsability, Usability } from "../generation/usability";

const lackedSchema = t.Object(
  {
    type: t.String({ description: "InvokeAI's type of such a model" }),
    base: t.String(),
    variant: t.Optional(t.String()),
    title: t.String({ description: "For people, such as `a Qwen3 4B text encoder`" }),
    source: t.String({ description: "One that fits, for `POST /models/install`" }),
  },
  { title: "LackedModel" },
);

/** Fields about whether images can be generated with a main model. */
export const usabilityFields = {
  usable: t.Boolean({
    description:
      "Whether images can be generated with it now: it is supported and available, and all that it needs is, too",
  }),
  unusable_reason: t.Optional(t.String({ description: "Why not, and what to do" })),
  lacks: t.Array(lackedSchema, {
    description: "Models that it needs beside it and that InvokeAI does not have",
  }),
};

export const modelSchema = t.Object(
  {
    key: t.String(),
    hash: t.String(),
    name: t.String(),
    type: t.String(),
    base: t.String(),
    format: t.String(),
    description: t.Optional(t.String()),
    is_favorite: t.Boolean(),
    last_used_at: t.Optional(t.String({ format: "date-time" })),
    is_available: t.Boolean(),
    default_params: t.Nullable(
      t.Object({
        width: t.Integer(),
        height: t.Integer(),
        steps: t.Integer(),
        cfg_scale: t.Number(),
        scheduler: t.String(),
        guidance: t.Optional(t.Number({ description: "For models that have it" })),
      }),
      { description: "null for models that do not generate images" },
    ),
    compatible_vae: t.Array(
      t.Object({ key: t.String(), hash: t.String(), name: t.String(), is_default: t.Boolean() }),
    ),
    supported: t.Boolean({ description: "Whether this server can generate images with it" }),
    references: t.Array(
      t.Object({
        role: oneOf(referenceRoles),
        max: t.Integer({ description: "How many of the role a step may have" }),
        usable: t.Boolean(),
        lacks: t.Array(lackedSchema),
      }),
      { description: "The roles of references that a step with this model may have" },
    ),
    ...usabilityFields,
  },
  { title: "Model" },
);

/** @param vaes all that InvokeAI has now; those that the model takes are listed with it */
export function modelToWire(
  model: Model,
  vaes: Model[],
  usability: Usability,
  references: ReferenceUsability[],
): Static<typeof modelSchema> {
  const { defaults } = model;
  return {
    key: model.key,
    hash: model.hash,
    name: model.name,
    type: model.type,
    base: model.base,
    format: model.format,
    ...(model.description !== null && { description: model.description }),
    is_favorite: model.isFavorite,
    ...(model.lastUsedAt && { last_used_at: model.lastUsedAt.toISOString() }),
    is_available: model.isAvailable,
    default_params: defaults && {
      width: defaults.width,
      height: defaults.height,
      steps: defaults.steps,
      cfg_scale: defaults.cfgScale,
      scheduler: defaults.scheduler,
      ...(defaults.guidance !== undefined && { guidance: defaults.guidance }),
    },
    compatible_vae:
      model.type === "main"
        ? vaes
            .filter((vae) => vaeBasesOf(model).includes(vae.base))
            // If none is the default, the model uses its built-in VAE.
            .map(({ key, hash, name }) => ({
              key,
              hash,
              name,
              is_default: key === defaults?.vaeKey,
            }))
        : [],
    supported: model.accepts !== null && model.defaults !== null,
    references: references.map(({ role, max, missing }) => ({
      role,
      max,
      usable: missing.length === 0,
      lacks: missing.map(lackToWire),
    })),
    ...usabilityToWire(usability),
  };
}

/** The bases of the VAEs that a main model takes. */
export function vaeBasesOf({ accepts, base }: Model): string[] {
  return accepts?.vaeBases ?? [base];
}

export function usabilityToWire({ usable, reason, missing }: Usability) {
  return {
    usable,
    ...(reason !== undefined && { unusable_reason: reason }),
    lacks: missing.map(lackToWire),
  };
}

function lackToWire({ type, bases, variants, title, source }: ModelNeed) {
  return {
    type,
    base: bases[0]!,
    ...(variants?.[0] !== undefined && { variant: variants[0] }),
    title,
    source,
  };
}
