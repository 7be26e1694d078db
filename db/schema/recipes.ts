import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  check,
  index,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import type { NodeCatalogue } from "#recipes/catalogue";
import type { Json, RecipeTemplate } from "#recipes/recipe";
import { backends } from "./backends";
import { among, moment } from "./columns";

export const recipeOrigins = ["library", "workflow", "photo", "import"] as const;
export type RecipeOrigin = (typeof recipeOrigins)[number];

/** Workflows of InvokeAI that steps can run. The template never changes: steps are built from it. */
export const recipes = pgTable(
  "recipes",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull(),
    description: text("description"),
    origin: text("origin").$type<RecipeOrigin>().notNull(),
    /** The id of the workflow in InvokeAI's library, or of the photo that carried it. */
    originId: text("origin_id"),
    template: jsonb("template").$type<RecipeTemplate>().notNull(),
    createdAt: moment("created_at").notNull().defaultNow(),
    updatedAt: moment("updated_at").notNull().defaultNow(),
    /** Deleted by the owner; kept for the steps that were built from it. */
    deletedAt: moment("deleted_at"),
  },
  (table) => [
    check("recipes_origin", among(table.origin, recipeOrigins)),
    check("recipes_name", sql`char_length(${table.name}) between 1 and 200`),
    index("recipes_newest")
      .on(table.createdAt, table.id)
      .where(sql`${table.deletedAt} is null`),
  ],
);

export type Recipe = typeof recipes.$inferSelect;

/** The node types of each place, as of when they were last read. */
export const nodeCatalogues = pgTable("node_catalogues", {
  /** A place's `model_list`. */
  place: text("place")
    .primaryKey()
    .references((): AnyPgColumn => backends.ref, { onDelete: "cascade" }),
  version: text("version").notNull(),
  nodes: jsonb("nodes").$type<NodeCatalogue>().notNull(),
  readAt: moment("read_at").notNull(),
});

/** The workflows in the library of each place, as of when it was last read. */
export const libraryWorkflows = pgTable(
  "library_workflows",
  {
    /** A place's `model_list`. */
    place: text("place")
      .notNull()
      .references((): AnyPgColumn => backends.ref, { onDelete: "cascade" }),
    workflowId: text("workflow_id").notNull(),
    name: text("name").notNull(),
    description: text("description").notNull(),
    /** `default`: shipped with InvokeAI; `user`: its owner's. */
    category: text("category").notNull(),
    tags: text("tags").notNull(),
    /** InvokeAI's time of its last change; only compared. */
    version: text("version").notNull(),
    workflow: jsonb("workflow").$type<Json>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.place, table.workflowId] }),
    index("library_workflows_list").on(table.place, table.name, table.workflowId),
  ],
);

export type LibraryWorkflow = typeof libraryWorkflows.$inferSelect;
