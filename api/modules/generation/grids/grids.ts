import type { Static } from "elysia";
import { insertEvents } from "#db/queries/events/events";
import { lockSession, markCancelled } from "#db/queries/generation/session-requests";
import { findGrid, insertGrid, listLiveStepIds } from "#db/queries/grids/grids";
import type { NewEvent } from "#db/schema/events";
import { AppError, conflict, type FieldFault, invalid, notFound } from "#errors";
import type { ApiDeps } from "../../../deps";
import { drawSeed } from "../parameters";
import { writeSession } from "../sessions";
import { writeRecipeStep } from "../recipe-steps";
import { readStepMask } from "../mask";
import { readStepBody } from "../step-body";
import { notifySession, type StepMask, writeStep } from "../steps";
import { type Cell, planCells, refused, throwFaults } from "./cells";
import type { gridBody } from "./model";

type Deps = Pick<
  ApiDeps,
  "config" | "database" | "storage" | "decodeLimits" | "temporal" | "now" | "newId"
>;
type Requested = Pick<Static<typeof gridBody>, "axes" | "step">;

/**
 * Writes a grid: a session with one step a cell, in one transaction, then notifies the session's workflow. Every cell is
 * checked before anything is written for good. Does nothing when the id exists already.
 * @throws AppError validation_error that names cells and fields
 */
export async function requestGrid(
  deps: Deps,
  requested: Requested & { id: string; title: string | null },
): Promise<void> {
  const { id, title, axes } = requested;
  const randomSeed = drawSeed();
  const { cells, columns } = planCells(requested, {
    maxCells: deps.config.limits.maxGridCells,
    randomSeed,
  });
  const maskOf = await readMasks(deps, cells);
  const firstStepId = await deps.database.db.transaction(async (tx) => {
    // The same request committed before a crash, and was repeated with its idempotency key.
    if (await lockSession(tx, id)) return undefined;
    const events: NewEvent[] = [
      await writeSession(tx, { id, entryType: "scratch", sourceImageId: null, title }),
    ];
    const stepIds = cells.map(() => deps.newId());
    const faults: FieldFault[][] = cells.map(() => []);
    for (const at of runOrder(cells)) {
      try {
        const step = { id: stepIds[at]!, sessionId: id, ...readStepBody(cells[at]!, deps.now()) };
        events.push(
          await (step.kind === "recipe"
            ? writeRecipeStep(deps, tx, { ...step, commonSeed: randomSeed })
            : writeStep(deps, tx, { ...step, mask: maskOf(step.maskPhotoId) })),
        );
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        faults[at] = faultsOf(error);
      }
    }
    throwFaults(axes, columns, faults);
    await insertGrid(tx, { id, axes, columns, stepIds });
    await insertEvents(tx, events);
    return stepIds[runOrder(cells)[0]!];
  });
  if (firstStepId !== undefined) await notifySession(deps, { sessionId: id, stepId: firstStepId });
}

/** More would fill the memory: a kept mask may have 4 MiB. */
const maxMasks = 16;

/**
 * Reads the masks of all cells, each once. The result gives the mask of a photo, and throws where it cannot be used.
 * @throws AppError validation_error for too many
 */
async function readMasks(
  deps: Deps,
  cells: readonly Cell[],
): Promise<(photoId: string | null) => StepMask | null> {
  const photoIds = new Set(cells.flatMap(({ mask }) => mask ?? []));
  if (photoIds.size > maxMasks) {
    throw invalid(refused, [{ path: "axes", message: `at most ${maxMasks} different masks` }]);
  }
  const masks = new Map<string, StepMask | null | AppError>();
  for (const photoId of photoIds) {
    try {
      masks.set(photoId, await readStepMask(deps, { photoId }));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      masks.set(photoId, error);
    }
  }
  return (photoId) => {
    const mask = photoId === null ? null : (masks.get(photoId) ?? null);
    if (mask instanceof AppError) throw mask;
    return mask;
  };
}

/** The indexes of the cells, those of one model together: InvokeAI loads a model in seconds to minutes. */
function runOrder(cells: readonly Cell[]): number[] {
  const modelOf = ({ recipe_id, parameters }: Cell) => recipe_id ?? parameters?.model_key;
  return [...Map.groupBy(cells.keys(), (at) => modelOf(cells[at]!)).values()].flat();
}

function faultsOf({ message, details }: AppError): FieldFault[] {
  const errors = details?.["errors"];
  if (Array.isArray(errors)) return errors as FieldFault[];
  return [{ path: typeof details?.["path"] === "string" ? details["path"] : "", message }];
}

/**
 * Requests the cancel of the cells that have not ended. Images that exist are kept.
 * @throws AppError not_found; conflict when all have ended
 */
export async function cancelGrid({ database, temporal, now }: Deps, id: string): Promise<void> {
  const live = await database.db.transaction(async (tx) => {
    const session = await lockSession(tx, id);
    if (!session || !(await findGrid(tx, id))) throw notFound("grid");
    const stepIds = await listLiveStepIds(tx, id);
    if (stepIds.length === 0) throw conflict("All cells of the grid have ended already.");
    await markCancelled(tx, { sessionId: id, now: now() });
    return stepIds;
  });
  // At most one of them runs: the signal for any other closes all that wait. Sent on every call: one may have been lost.
  for (const stepId of live.slice(0, 2)) await temporal.stepCancelled(id, stepId);
}
