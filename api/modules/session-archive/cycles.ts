import { type FieldFault } from "#errors";
import { badDocument } from "./check";
import type { SessionDocument } from "./format";

/**
 * Neither a session nor a step can start from an image that it made itself, or that was made later, or refer to one. No photo may descend
 * from itself. An image without a source descends from the session's source.
 * @throws AppError validation_error that lists the faults
 */
export function checkSources({ session, steps, lineage, photos }: SessionDocument): void {
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
  for (const [at, { position, source_image_id: own, slots, references = [] }] of steps.entries()) {
    const sources = [
      ["source_image_id", own],
      ...slots.map((slot, n) => [`slots.${n}.source_image_id`, slot.source_image_id]),
      ...references.map(({ image_id }, n) => [`references.${n}.image_id`, image_id]),
    ];
    for (const [path, id] of sources) {
      const madeAt = id === undefined ? undefined : positions.get(id);
      if (madeAt === undefined || madeAt < position) continue;
      faults.push({
        path: `steps.${at}.${path}`,
        message: "is an image of this step or a later one",
      });
    }
  }
  const parents = new Map<string, string[]>();
  const addParent = (id: string, parent: string) =>
    void parents.set(id, [...(parents.get(id) ?? []), parent]);
  const derived = lineage.filter(({ kind }) => kind !== "variation");
  const withSource = new Set(derived.map(({ to }) => to));
  for (const id of source === undefined ? [] : positions.keys()) {
    if (id !== undefined && !withSource.has(id)) addParent(id, source!);
  }
  for (const { from, to } of derived) addParent(to, from);
  for (const { id, references = [] } of photos) {
    for (const { image_id } of references) addParent(id, image_id);
  }
  if (hasCycle(parents)) faults.push({ path: "lineage", message: "contains a cycle" });
  if (faults.length > 0) throw badDocument(faults);
}

/** Whether any id is its own ancestor. */
export function hasCycle(parents: ReadonlyMap<string, readonly string[]>): boolean {
  const ended = new Set<string>();
  for (const start of parents.keys()) {
    /** From the start to here, each with its parents that are not visited yet. */
    const path: { id: string; left: string[] }[] = [];
    const onPath = new Set<string>();
    const enter = (id: string) => {
      path.push({ id, left: [...(parents.get(id) ?? [])] });
      onPath.add(id);
    };
    if (!ended.has(start)) enter(start);
    for (let here = path.at(-1); here; here = path.at(-1)) {
      const parent = here.left.pop();
      if (parent === undefined) {
        path.pop();
        onPath.delete(here.id);
        ended.add(here.id);
      } else if (onPath.has(parent)) return true;
      else if (!ended.has(parent)) enter(parent);
    }
  }
  return false;
}
