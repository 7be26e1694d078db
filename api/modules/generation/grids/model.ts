import { type Static, t, type TSchema } from "elysia";
import type { GridView } from "#db/queries/grids/grids";
import type { StepView } from "#db/queries/generation/step-views";
import { sessionStatuses } from "#db/schema/sessions";
import { stepStatuses } from "#db/schema/steps";
import { oneOf } from "../../../fields/one-of";
import { retrievalStatus, thumbnailUrl } from "../../photos/model";
import { parametersBody } from "../parameters-model";
import { stepBody, stepToWire, stepSchema } from "../step-model";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const count = t.Integer({ minimum: 0 });

const { parent_id: _none, parameters: _whole, ...ofStep } = stepBody.properties;

/** A cell's step: a session has no earlier step that could be its parent. */
export const cellBody = t.Object({ ...ofStep, parameters: t.Optional(parametersBody) }, strict);

/** The same fields, none of which is required, however deep: an axis may set it. Each cell is checked as a whole. */
function withoutRequired<T extends TSchema>(schema: T): T {
  const { required: _none, properties, items, anyOf, ...rest } = schema as TSchema;
  const fields = Object.entries((properties ?? {}) as Record<string, TSchema>);
  return {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(
        fields.map(([name, field]) => [name, t.Optional(withoutRequired(field))]),
      ),
    }),
    ...(items && { items: withoutRequired(items as TSchema) }),
    ...(anyOf && { anyOf: (anyOf as TSchema[]).map(withoutRequired) }),
  } as TSchema as T;
}

const axis = t.Object(
  {
    field: t.String({
      minLength: 1,
      maxLength: 200,
      pattern: "^[A-Za-z0-9][A-Za-z0-9_]*(\\.[A-Za-z0-9][A-Za-z0-9_]*)*$",
      examples: ["parameters.cfg_scale"],
      description:
        "A field of the step by its path: `prompt`, `source_image_id`, `parameters.cfg_scale`, `parameters.loras.0.weight`; of a recipe `inputs.` with the id of an input",
    }),
    values: t.Array(t.Unknown(), { minItems: 1, maxItems: 250 }),
  },
  strict,
);

export const gridBody = t.Object(
  {
    title: t.Optional(t.Nullable(t.String({ maxLength: 200 }))),
    axes: t.Array(axis, {
      minItems: 1,
      maxItems: 2,
      description: "The first one makes the columns, the second one the rows",
    }),
    step: t.Object(
      {
        ...withoutRequired(t.Object(ofStep)).properties,
        parameters: t.Optional(withoutRequired(parametersBody)),
      },
      {
        ...strict,
        description:
          "What the cells have in common, as in a request for a step; fields of the axes may be left out. Default of `batch_size`: 1. One random seed for all cells, if neither `seed` nor an axis has one.",
      },
    ),
  },
  strict,
);

const shared = {
  id: uuid,
  session_id: uuid,
  title: t.Optional(t.String()),
  status: oneOf(sessionStatuses),
  axes: t.Array(t.Object({ field: t.String(), values: t.Array(t.Unknown()) })),
  rows: count,
  columns: count,
  counts: t.Object(
    Object.fromEntries(stepStatuses.map((status) => [status, count])) as Record<
      (typeof stepStatuses)[number],
      typeof count
    >,
    { description: "How many cells are in each status" },
  ),
  created_at: moment,
};

/** In a list of grids: without cells. */
export const gridSummary = t.Object(shared, { title: "GridSummary" });

const cell = t.Object(
  {
    step_id: uuid,
    values: t.Array(t.Unknown(), { description: "Of the axes, in their order" }),
    status: oneOf(stepStatuses),
    progress: stepSchema.properties.progress,
    progress_message: stepSchema.properties.progress_message,
    error: stepSchema.properties.error,
    seeds: stepSchema.properties.seeds,
    images: t.Array(
      t.Object({
        image_id: uuid,
        selected: t.Boolean(),
        retrieval_status: retrievalStatus,
        thumbnail_url: t.String(),
      }),
    ),
  },
  { title: "GridCell" },
);

export const gridSchema = t.Object(
  { ...shared, cells: t.Array(t.Array(cell), { description: "By row, then by column" }) },
  { title: "Grid" },
);

export function summaryToWire(grid: GridView): Static<typeof gridSummary> {
  return {
    id: grid.id,
    session_id: grid.id,
    ...(grid.title !== null && { title: grid.title }),
    status: grid.sessionStatus,
    axes: grid.axes.map(({ field, values }) => ({ field, values })),
    rows: grid.stepIds.length / grid.columns,
    columns: grid.columns,
    counts: grid.counts,
    created_at: grid.createdAt.toISOString(),
  };
}

/** An image of a cell. */
export type CellImage = {
  id: string;
  stepId: string | null;
  retrievalStatus: Static<typeof retrievalStatus>;
};

export function gridToWire(
  grid: GridView,
  steps: ReadonlyMap<string, StepView>,
  images: readonly CellImage[],
  timeZone: string,
): Static<typeof gridSchema> {
  const imagesOf = Map.groupBy(images, ({ stepId }) => stepId);
  const cells = grid.stepIds.flatMap((stepId, at) => {
    const step = steps.get(stepId);
    if (!step) return [];
    const { status, progress, progress_message, error, seeds } = stepToWire(step, timeZone);
    return {
      step_id: stepId,
      values: valuesAt(grid, at),
      status,
      progress,
      ...(progress_message !== undefined && { progress_message }),
      ...(error && { error }),
      seeds,
      images: (imagesOf.get(stepId) ?? []).map((image) => ({
        image_id: image.id,
        selected: image.id === step.selectedImageId,
        retrieval_status: image.retrievalStatus,
        thumbnail_url: thumbnailUrl(image.id),
      })),
    };
  });
  return { ...summaryToWire(grid), cells: inRows(cells, grid.columns) };
}

/** The values of the axes in a cell, which is counted row by row. */
export function valuesAt({ axes, columns }: Pick<GridView, "axes" | "columns">, at: number) {
  const [across, down] = axes;
  const values = [across?.values[at % columns]];
  return down ? [...values, down.values[Math.floor(at / columns)]] : values;
}

export function inRows<T>(cells: readonly T[], columns: number): T[][] {
  return Array.from({ length: Math.ceil(cells.length / columns) }, (_, row) =>
    cells.slice(row * columns, (row + 1) * columns),
  );
}
