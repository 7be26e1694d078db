import { type FieldFault, invalid } from "#errors";
import { documentName, type SessionDocument } from "./format";

/** As many as a reader can use. */
const maxFaults = 20;

/**
 * What a schema cannot say of a document: that its ids mean one thing each, that what it points at is in it, that a
 * picture is a file of the archive or missing for a reason, and that nothing comes of itself.
 * @throws AppError validation_error that lists the faults
 */
export function checkDocument(document: SessionDocument, bounds: ArchiveBounds): void {
  const faults: FieldFault[] = [];
  const tell = (path: string, message: string) => void faults.push({ path, message });
  checkSession(document, tell);
  checkSteps(document, tell);
  checkPhotos(document, bounds, tell);
  checkLineage(document, tell);
  if (faults.length > 0) throw badDocument(faults);
}

/** What the archive round the document holds and may hold. */
export type ArchiveBounds = { hasFile: (name: string) => boolean; maxBytes: number };

/** The 400 of a `session.json` that cannot be taken. */
export function badDocument(faults: FieldFault[]): Error {
  const message = `${documentName} is not as expected; see details.errors.`;
  return invalid(message, faults.slice(0, maxFaults));
}

type Tell = (path: string, message: string) => void;

function checkSession({ session, photos }: SessionDocument, tell: Tell): void {
  const { status, completed_at, source_image_id: source } = session;
  if ((status === "active") !== (completed_at === undefined)) {
    tell("session.completed_at", "goes with every status but active");
  }
  if (source !== undefined && !photos.some(({ id }) => id === source)) {
    tell("session.source_image_id", "is not among the photos");
  }
}

function checkSteps({ steps, photos }: SessionDocument, tell: Tell): void {
  const generated = new Set(photos.filter(({ kind }) => kind === "generated").map(({ id }) => id));
  const photoIds = new Set(photos.map(({ id }) => id));
  const positions = new Map<string, number>();
  const filled = new Set<string>();
  let last = 0;
  for (const [at, step] of steps.entries()) {
    const path = `steps.${at}`;
    if (positions.has(step.id)) tell(`${path}.id`, "stands twice");
    if (step.position <= last) tell(`${path}.position`, "is not above the step before");
    if (step.parent_id !== undefined && !positions.has(step.parent_id)) {
      tell(`${path}.parent_id`, "is no step before this one");
    }
    positions.set(step.id, step.position);
    last = step.position;
    if (step.source_image_id !== undefined && !photoIds.has(step.source_image_id)) {
      tell(`${path}.source_image_id`, "is not among the photos");
    }
    if (step.parameters.batch_size !== step.slots.length) {
      tell(`${path}.slots`, "are not as many as batch_size");
    }
    for (const [index, slot] of step.slots.entries()) {
      const slotPath = `${path}.slots.${index}`;
      if (slot.index !== index) tell(`${slotPath}.index`, "is not its place");
      if (slot.photo_id === undefined) continue;
      if (!generated.has(slot.photo_id)) tell(`${slotPath}.photo_id`, "is no generated photo");
      if (filled.has(slot.photo_id)) tell(`${slotPath}.photo_id`, "fills two slots");
      filled.add(slot.photo_id);
    }
    const choice = step.selected_image_id;
    if (choice !== undefined && !step.slots.some((slot) => slot.photo_id === choice)) {
      tell(`${path}.selected_image_id`, "is no image of the step");
    }
  }
}

function checkPhotos({ photos }: SessionDocument, bounds: ArchiveBounds, tell: Tell): void {
  const ids = new Set<string>();
  const files = new Set([documentName]);
  const uploads = new Set<string>();
  let bytes = 0;
  for (const [at, photo] of photos.entries()) {
    const path = `photos.${at}`;
    const { id, kind, file, absent, file_size, content_hash, mime_type } = photo;
    if (ids.has(id)) tell(`${path}.id`, "stands twice");
    ids.add(id);
    if ((file === undefined) === (absent === undefined)) tell(path, "has either file or absent");
    if (absent === "not_retrieved" && kind === "uploaded") tell(`${path}.absent`, "is no upload's");
    if (file === undefined) continue;
    if (files.has(file)) tell(`${path}.file`, "belongs to two");
    if (!bounds.hasFile(file)) tell(`${path}.file`, "is not in the archive");
    files.add(file);
    if (file_size === undefined) tell(`${path}.file_size`, "goes with file");
    if (content_hash === undefined) tell(`${path}.content_hash`, "goes with file");
    if (mime_type === undefined) tell(`${path}.mime_type`, "goes with file");
    if (kind === "uploaded" && content_hash !== undefined) {
      if (uploads.has(content_hash)) tell(`${path}.content_hash`, "is another upload's");
      uploads.add(content_hash);
    }
    bytes += file_size ?? 0;
  }
  if (bytes > bounds.maxBytes) tell("photos", `hold more than ${bounds.maxBytes} bytes`);
}

function checkLineage({ lineage, photos, steps, session }: SessionDocument, tell: Tell): void {
  const ids = new Set(photos.map(({ id }) => id));
  const own = new Set(steps.flatMap(({ slots }) => slots.flatMap((slot) => slot.photo_id ?? [])));
  const parents = new Map<string, string>();
  for (const [at, { from, to, kind }] of lineage.entries()) {
    const path = `lineage.${at}`;
    if (!ids.has(from)) tell(`${path}.from`, "is not among the photos");
    if (!ids.has(to)) tell(`${path}.to`, "is not among the photos");
    if (parents.has(to)) tell(`${path}.to`, "comes of two");
    if (kind === "variation" && (from !== session.source_image_id || !own.has(to))) {
      tell(path, "a variation leads from the session's source to an image of the session");
    }
    parents.set(to, from);
  }
  const ends = new Set<string>();
  for (const start of parents.keys()) {
    const way = new Set<string>();
    for (
      let id: string | undefined = start;
      id !== undefined && !ends.has(id);
      id = parents.get(id)
    ) {
      if (way.has(id)) return tell("lineage", "goes in a circle");
      way.add(id);
    }
    for (const id of way) ends.add(id);
  }
}
