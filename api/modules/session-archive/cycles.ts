import { type FieldFault } from "#errors";
import { badDocument } from "./check";
import type { SessionDocument } from "./format";

/**
 * Neither a session nor a step can start from an image that it made itself, or that was made later. No photo may descend
 * from itself. An image without a source descends from the session's source.
 * @throws AppError validation_error that lists the faults
 */
export function checkSources({ session, steps, lineage }: SessionDocument): void {
  const faults: FieldFault[] = [];
  const positions = new Map(
    steps.flatMap(({ slots, position }) =>
      slots.map(({ photo_id: id }) => [id, position] as const),
    ),
  );
  const source = session.source_image_id;
  if (source !== undefined && positions.has(source)) {
    faults.push({ path: "session.source_image_id", message: "is an image of the session itself" });
  }
  for (const [at, { position, source_image_id: own, slots }] of steps.entries()) {
    const sources = [["", own], ...slots.map((slot, n) => [`slots.${n}.`, slot.source_image_id])];
    for (const [place, id] of sources) {
      const madeAt = id === undefined ? undefined : positions.get(id);
      if (madeAt === undefined || madeAt < position) continue;
      faults.push({
        path: `steps.${at}.${place}source_image_id`,
        message: "is an image of this step or a later one",
      });
    }
  }
  const parents = new Map<string, string>();
  if (source !== undefined) {
    for (const id of positions.keys()) if (id !== undefined) parents.set(id, source);
  }
  for (const { from, to, kind } of lineage) if (kind !== "variation") parents.set(to, from);
  if (hasCycle(parents)) faults.push({ path: "lineage", message: "contains a cycle" });
  if (faults.length > 0) throw badDocument(faults);
}

/** Whether any id is its own ancestor. */
export function hasCycle(parents: ReadonlyMap<string, string>): boolean {
  const ended = new Set<string>();
  for (const start of parents.keys()) {
    const path = new Set<string>();
    for (
      let id: string | undefined = start;
      id !== undefined && !ended.has(id);
      id = parents.get(id)
    ) {
      if (path.has(id)) return true;
      path.add(id);
    }
    for (const id of path) ended.add(id);
  }
  return false;
}
