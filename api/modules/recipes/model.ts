import { type Static, t } from "elysia";
import type { ListedWorkflow } from "#db/queries/recipes/recipe-sources";
import { type Recipe, recipeOrigins } from "#db/schema/recipes";
import { hasSeed } from "#recipes/has-seed";
import { type Json, type RecipeInput, roles } from "#recipes/recipe";
import { oneOf } from "../../fields/one-of";
import { pageQuery } from "../../lists/lists";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const name = t.String({ minLength: 1, maxLength: 200, description: "Trimmed, NFC" });
const description = t.Nullable(t.String({ maxLength: 2_000 }));

export const recipeParams = t.Object({ id: uuid });

export const recipesQuery = t.Object({
  ...pageQuery(),
  q: t.Optional(t.String({ maxLength: 200, description: "Words to find in name and description" })),
});

export const recipeBody = t.Object(
  {
    library_id: t.Optional(
      t.Nullable(
        t.String({ minLength: 1, maxLength: 200, description: "An id of GET /recipes/library" }),
      ),
    ),
    workflow: t.Optional(
      t.Record(t.String(), t.Any(), {
        description: "A workflow as InvokeAI's editor saves it, or a graph as its API takes it",
      }),
    ),
    photo_id: t.Optional(
      t.Nullable(t.String({ format: "uuid", description: "A PNG that InvokeAI has made" })),
    ),
    name: t.Optional(name),
    description: t.Optional(description),
  },
  { ...strict, description: "Exactly one of `library_id`, `workflow` and `photo_id`" },
);

export const recipeChange = t.Object(
  {
    name: t.Optional(name),
    description: t.Optional(description),
    inputs: t.Optional(
      t.Record(
        t.String(),
        t.Object(
          {
            role: t.Optional(t.Nullable(oneOf(roles))),
            label: t.Optional(t.String({ minLength: 1, maxLength: 200 })),
          },
          { ...strict, minProperties: 1 },
        ),
        { description: "By the id of the input", maxProperties: 500 },
      ),
    ),
  },
  { ...strict, minProperties: 1 },
);

const inputKinds = ["string", "integer", "number", "boolean", "choice", "model", "image", "color"];

const inputSchema = t.Object(
  {
    id: t.String(),
    label: t.String(),
    type: t.String({ enum: inputKinds }),
    role: t.Optional(oneOf(roles)),
    list: t.Optional(
      t.Object(
        {
          group: t.Optional(
            t.String({ description: "Lists of one group go together, value by value" }),
          ),
          is_drawn: t.Boolean({
            description: "Without values of the request they are random, drawn with the seed",
          }),
        },
        {
          description:
            "The value is a list of these, and the workflow runs for each of its values; lists of different groups are combined. A single value may come as `prompt`, `negative_prompt` or `source_image_id`.",
        },
      ),
    ),
    required: t.Boolean(),
    default: t.Optional(t.Any({ description: "For a model: as the workflow names it" })),
    minimum: t.Optional(t.Number()),
    maximum: t.Optional(t.Number()),
    exclusive_minimum: t.Optional(t.Number()),
    exclusive_maximum: t.Optional(t.Number()),
    multiple_of: t.Optional(t.Number()),
    choices: t.Optional(t.Array(t.Union([t.String(), t.Number()]))),
    model_types: t.Optional(t.Array(t.String())),
    model_bases: t.Optional(t.Array(t.String())),
  },
  { title: "RecipeInput" },
);

export const recipeSchema = t.Object(
  {
    id: uuid,
    name: t.String(),
    description: t.Optional(t.String()),
    origin: oneOf(recipeOrigins),
    library_id: t.Optional(t.String()),
    photo_id: t.Optional(t.String()),
    inputs: t.Array(inputSchema),
    outputs: t.Integer({
      minimum: 1,
      description: "Pictures that one seed makes of each combination of lists",
    }),
    outputs_known: t.Boolean({
      description: "false: it makes more than `outputs` where its lists are longer",
    }),
    has_seed: t.Boolean({ description: "false: all runs with the same inputs are alike" }),
    warnings: t.Array(t.String()),
    created_at: moment,
    updated_at: moment,
  },
  { title: "Recipe" },
);

export const libraryWorkflowSchema = t.Object(
  {
    library_id: t.String(),
    name: t.String(),
    description: t.String(),
    category: t.String({ description: "`default`: shipped with InvokeAI; `user`: its owner's" }),
    tags: t.String(),
  },
  { title: "LibraryWorkflow" },
);

function inputToWire(input: RecipeInput): Static<typeof inputSchema> {
  const { min, max, above, below, multipleOf, choices, modelTypes, modelBases, list } = input;
  return {
    id: input.id,
    label: input.label,
    type: input.kind,
    ...(input.role !== null && { role: input.role }),
    ...(list && {
      list: {
        ...(list.group !== null && { group: list.group }),
        is_drawn: list.drawn !== undefined,
      },
    }),
    required: input.isRequired,
    ...(input.default !== undefined && { default: withoutKey(input.default, input.kind) }),
    ...(min !== undefined && { minimum: min }),
    ...(max !== undefined && { maximum: max }),
    ...(above !== undefined && { exclusive_minimum: above }),
    ...(below !== undefined && { exclusive_maximum: below }),
    ...(multipleOf !== undefined && { multiple_of: multipleOf }),
    ...(choices && { choices }),
    ...(modelTypes && { model_types: modelTypes }),
    ...(modelBases && { model_bases: modelBases }),
  };
}

/** The key of a model on another server means nothing. */
function withoutKey(value: Json, kind: RecipeInput["kind"]): Json {
  if (kind !== "model" || typeof value !== "object" || value === null || Array.isArray(value)) {
    return value;
  }
  const { key: _key, ...named } = value;
  return named;
}

export function recipeToWire(row: Recipe): Static<typeof recipeSchema> {
  const { template, originId } = row;
  return {
    id: row.id,
    name: row.name,
    ...(row.description !== null && { description: row.description }),
    origin: row.origin,
    ...(row.origin === "library" && originId !== null && { library_id: originId }),
    ...(row.origin === "photo" && originId !== null && { photo_id: originId }),
    inputs: template.inputs.map(inputToWire),
    outputs: template.outputs.length,
    outputs_known: !template.isOpenEnded,
    has_seed: hasSeed(template),
    warnings: template.warnings,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function libraryToWire(row: ListedWorkflow): Static<typeof libraryWorkflowSchema> {
  return {
    library_id: row.workflowId,
    name: row.name,
    description: row.description,
    category: row.category,
    tags: row.tags,
  };
}
