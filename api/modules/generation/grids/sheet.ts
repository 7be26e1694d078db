import { type GridView, listGridImages } from "#db/queries/grids/grids";
import { listStepViews } from "#db/queries/generation/step-views";
import { repairDerivatives } from "#library/derivatives";
import { originalOf } from "#library/original";
import { drawContactSheet, type Sheet } from "#media/pictures/contact-sheet";
import { thumbnailKey } from "#media/storage/keys";
import type { ApiDeps } from "../../../deps";
import { describeValue } from "./cells";
import { inRows, valuesAt } from "./model";

type Deps = Pick<ApiDeps, "database" | "storage" | "decodeLimits">;
type Image = Awaited<ReturnType<typeof listGridImages>>[number];

/** The contact sheet of a grid, as WebP: in each cell its selected image, else its first. */
export async function drawSheet(deps: Deps, grid: GridView): Promise<Uint8Array> {
  const { db } = deps.database;
  const page = { sessionId: grid.id, afterPosition: null, limit: grid.stepIds.length, offset: 0 };
  const steps = new Map((await listStepViews(db, page)).map((step) => [step.id, step]));
  const imagesOf = Map.groupBy(await listGridImages(db, grid.stepIds), ({ stepId }) => stepId);
  const [across, down] = grid.axes;
  const cells: Sheet["cells"][number] = [];
  for (const [at, stepId] of grid.stepIds.entries()) {
    const images = imagesOf.get(stepId) ?? [];
    const fetched = images.filter((image) => originalOf(image) !== undefined);
    const shown = fetched.find(({ id, selected }) => id === selected) ?? fetched[0];
    const [value] = valuesAt(grid, at);
    cells.push({
      picture: shown ? await readThumbnail(deps, shown) : null,
      note: noteOf(steps.get(stepId)?.status),
      ...(!down && { label: describeValue(value) }),
    });
  }
  // One axis has no rows of its own: it is wrapped, and each cell has its value above it.
  const columns = down ? grid.columns : Math.ceil(Math.sqrt(cells.length));
  const fields = down ? `${across!.field} × ${down.field}` : across!.field;
  return drawContactSheet(
    {
      title: grid.title === null ? fields : `${grid.title}: ${fields}`,
      columns: down ? across!.values.map(describeValue) : [],
      rows: down ? down.values.map(describeValue) : [],
      cells: inRows(cells, columns),
    },
    deps.decodeLimits.budget,
  );
}

function noteOf(status: string | undefined): string {
  return status === "completed" ? "no image" : (status ?? "no image");
}

async function readThumbnail(
  { storage, decodeLimits }: Deps,
  image: Image,
): Promise<Uint8Array | null> {
  const stored =
    (await storage.find(thumbnailKey(image.id))) ??
    (await repairDerivatives(storage, originalOf(image)!, decodeLimits))?.thumbnail;
  return stored ? stored.content.bytes() : null;
}
