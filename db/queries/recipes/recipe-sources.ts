import { and, asc, eq, notInArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { backends } from "../../schema/backends";
import { type LibraryWorkflow, libraryWorkflows, nodeCatalogues } from "../../schema/recipes";
import type { NodeCatalogue } from "#recipes/catalogue";
import type { Page } from "../page";

/** The node types of the place in force; undefined: not read yet. */
export async function findNodeCatalogue(db: Db | Tx): Promise<NodeCatalogue | undefined> {
  const [found] = await db
    .select({ nodes: nodeCatalogues.nodes })
    .from(nodeCatalogues)
    .innerJoin(backends, eq(backends.modelList, nodeCatalogues.place))
    .where(eq(backends.inForce, true));
  return found?.nodes;
}

/** The node types of a place; undefined: not read yet. */
export async function findNodeCatalogueAt(db: Db, place: string) {
  const [found] = await db.select().from(nodeCatalogues).where(eq(nodeCatalogues.place, place));
  return found;
}

export async function saveNodeCatalogue(
  db: Db,
  catalogue: typeof nodeCatalogues.$inferInsert,
): Promise<void> {
  const { version, nodes, readAt } = catalogue;
  await db
    .insert(nodeCatalogues)
    .values(catalogue)
    .onConflictDoUpdate({ target: nodeCatalogues.place, set: { version, nodes, readAt } });
}

const atPlaceInForce = eq(
  libraryWorkflows.place,
  sql`(select model_list from backends where in_force)`,
);

export type ListedWorkflow = Omit<LibraryWorkflow, "workflow" | "place" | "version">;

/** The library of the place in force, by name. */
export async function listLibrary(
  db: Db,
  page: Page & { after: { name: string; workflowId: string } | null },
): Promise<ListedWorkflow[]> {
  const { workflowId, name, description, category, tags } = libraryWorkflows;
  const { after } = page;
  const isBehind =
    after === null
      ? undefined
      : sql`(${name}, ${workflowId}) > (${after.name}, ${after.workflowId})`;
  return db
    .select({ workflowId, name, description, category, tags })
    .from(libraryWorkflows)
    .where(and(atPlaceInForce, isBehind))
    .orderBy(asc(name), asc(workflowId))
    .limit(page.limit)
    .offset(page.offset);
}

export async function countLibrary(db: Db): Promise<number> {
  return db.$count(libraryWorkflows, atPlaceInForce);
}

/** A workflow of the library of the place in force. */
export async function findLibraryWorkflow(
  db: Db,
  workflowId: string,
): Promise<LibraryWorkflow | undefined> {
  const [found] = await db
    .select()
    .from(libraryWorkflows)
    .where(and(atPlaceInForce, eq(libraryWorkflows.workflowId, workflowId)));
  return found;
}

/** The ids and versions of the workflows of a place that are stored. */
export async function listStoredVersions(db: Db, place: string): Promise<Map<string, string>> {
  const rows = await db
    .select({ id: libraryWorkflows.workflowId, version: libraryWorkflows.version })
    .from(libraryWorkflows)
    .where(eq(libraryWorkflows.place, place));
  return new Map(rows.map(({ id, version }) => [id, version]));
}

export async function saveLibraryWorkflow(db: Db, row: LibraryWorkflow): Promise<void> {
  const { place: _place, workflowId: _id, ...set } = row;
  await db
    .insert(libraryWorkflows)
    .values(row)
    .onConflictDoUpdate({
      target: [libraryWorkflows.place, libraryWorkflows.workflowId],
      set,
    });
}

/** Forgets the workflows of a place that its library no longer has. */
export async function keepLibraryWorkflows(
  db: Db,
  params: { place: string; ids: string[] },
): Promise<void> {
  const { place, ids } = params;
  await db
    .delete(libraryWorkflows)
    .where(
      and(
        eq(libraryWorkflows.place, place),
        ids.length > 0 ? notInArray(libraryWorkflows.workflowId, ids) : undefined,
      ),
    );
}
