import { sql } from "drizzle-orm";
import { check, jsonb, pgTable, smallint, uuid } from "drizzle-orm/pg-core";
import { sessions } from "./sessions";

/** A field of a step's body, as in `parameters.cfg_scale`, and its values. */
export type GridAxis = { field: string; values: unknown[] };

/** A grid: a session of its own, with one step a cell. It is written and deleted together with its session. */
export const grids = pgTable(
  "grids",
  {
    /** Also the id of its session. */
    id: uuid("id")
      .primaryKey()
      .references(() => sessions.id, { onDelete: "cascade" }),
    /** The columns; with two, also the rows. */
    axes: jsonb("axes").$type<GridAxis[]>().notNull(),
    columns: smallint("columns").notNull(),
    /** Row by row. The steps run in another order: a model is loaded once, not once a row. */
    stepIds: uuid("step_ids").array().notNull(),
  },
  (table) => [
    check("grids_cells", sql`cardinality(${table.stepIds}) % ${table.columns} = 0`),
    check("grids_columns", sql`${table.columns} > 0`),
  ],
);

export type Grid = typeof grids.$inferSelect;
