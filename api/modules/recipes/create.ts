import type { ApiDeps } from "../../deps";
import { getSettings } from "#db/queries/installation/settings";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { findLibraryWorkflow, findNodeCatalogue } from "#db/queries/recipes/recipe-sources";
import type { RecipeOrigin } from "#db/schema/recipes";
import { AppError, conflict, invalid, notFound } from "#errors";
import { originalOf, withOriginal } from "#library/original";
import { readRecordedWorkflow } from "#media/metadata/recorded-graph";
import { convertWorkflow } from "#recipes/convert";
import type { RecipeTemplate } from "#recipes/recipe";
import { isStorableJson } from "#storable-text";
import { tidyTitle } from "../../fields/text";

type Deps = Pick<ApiDeps, "config" | "database" | "storage">;

/** Where a recipe comes from; exactly one is set. */
export type RecipeSource = {
  libraryId?: string | undefined;
  workflow?: unknown;
  photoId?: string | undefined;
};

type Found = { workflow: unknown; origin: RecipeOrigin; originId: string | null };

/**
 * Converts a workflow into the fields of a recipe.
 * @throws AppError not_found, conflict, invokeai_graph_error that names each node that may not run
 */
export async function convertSource(
  deps: Deps,
  source: RecipeSource,
): Promise<{
  name: string;
  description: string | null;
  origin: RecipeOrigin;
  originId: string | null;
  template: RecipeTemplate;
}> {
  const { db } = deps.database;
  const catalogue = await findNodeCatalogue(db);
  if (!catalogue) {
    throw conflict(
      "InvokeAI's node types have not been read yet; start InvokeAI, then call POST /api/v1/models/refresh.",
    );
  }
  const { workflow, origin, originId } = await findSource(deps, source);
  const settings = await getSettings(db, deps.config);
  const allowed = settings["generation.allowed_node_types"];
  const converted = convertWorkflow(workflow, catalogue, allowed);
  return {
    name: tidyTitle(converted.name.slice(0, 200)) ?? "Workflow",
    description: tidyTitle(converted.description.slice(0, 2_000)),
    origin,
    originId,
    template: converted.template,
  };
}

async function findSource(deps: Deps, source: RecipeSource): Promise<Found> {
  const { libraryId, workflow, photoId } = source;
  const given = [libraryId, workflow, photoId].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw invalid("Name exactly one of library_id, workflow and photo_id.", [
      { path: "", message: "exactly one of library_id, workflow and photo_id" },
    ]);
  }
  if (libraryId !== undefined) {
    const found = await findLibraryWorkflow(deps.database.db, libraryId);
    if (!found) throw notFound("workflow in InvokeAI's library", "library_id");
    return { workflow: found.workflow, origin: "library", originId: libraryId };
  }
  if (photoId !== undefined) {
    return { workflow: await readPhoto(deps, photoId), origin: "photo", originId: photoId };
  }
  return { workflow, origin: "workflow", originId: null };
}

async function readPhoto({ database, storage }: Deps, photoId: string): Promise<unknown> {
  const photo = await findPhotoById(database.db, photoId);
  if (!photo) throw notFound("photo", "photo_id");
  if (photo.deletedAt !== null) throw conflict("The image is in the trash; restore it first.");
  const original = originalOf(photo);
  const workflow = original && (await withOriginal(storage, original, readRecordedWorkflow));
  if (workflow && isStorableJson(workflow)) return workflow;
  throw new AppError({
    kind: "invalid",
    code: "invokeai_graph_error",
    message:
      "This photo carries no workflow; only a PNG that InvokeAI has made, and that was not changed since, does.",
    details: { path: "photo_id" },
  });
}
