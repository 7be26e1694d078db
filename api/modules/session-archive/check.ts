import { type FieldFault, invalid } from "#errors";
import type { ZipReader } from "#media/archives/zip-reader";
import { countCombinations } from "#recipes/combinations";
import type { Json } from "#recipes/recipe";
import { documentName, type DocumentStep, type SessionDocument } from "./format";

/** The most faults that are listed. */
export const maxFaults = 20;

/**
 * Checks what the schema cannot express: ids are unique, references lead to entries of the document, each photo has
 * either a file or a reason why it has none, and the lineage has no cycle.
 * @param maxPictureBytes of all pictures together
 * @throws AppError validation_error that lists the faults
 */
export function checkDocument(document: SessionDocument, maxPictureBytes: number): void {
  collectFaults((report) => {
    checkSession(document, report);
    checkSteps(document, report);
    checkPhotos(document, maxPictureBytes, report);
    checkLineage(document, report);
    checkMasks(document, report);
  });
}

/**
 * Checks that each file that the document names is in the archive.
 * @throws AppError validation_error that lists the faults
 */
export function checkFiles({ photos }: SessionDocument, archive: Pick<ZipReader, "has">): void {
  collectFaults((report) => {
    for (const [at, { file }] of photos.entries()) {
      if (file !== undefined && !archive.has(file))
        report(`photos.${at}.file`, "is not in the archive");
    }
  });
}

/** Stops at `maxFaults`: a document may have as many faults as values. */
function collectFaults(check: (report: Report) => void): void {
  const faults: FieldFault[] = [];
  check((path, message) => {
    faults.push({ path, message });
    if (faults.length === maxFaults) throw badDocument(faults);
  });
  if (faults.length > 0) throw badDocument(faults);
}

/** The 400 of an invalid `session.json`. */
export function badDocument(faults: FieldFault[]): Error {
  return invalid(`${documentName} is not as expected; see details.errors.`, faults);
}

type Report = (path: string, message: string) => void;

function checkSession({ session, photos }: SessionDocument, report: Report): void {
  const { status, completed_at, source_image_id: source } = session;
  if ((status === "active") !== (completed_at === undefined)) {
    report(
      "session.completed_at",
      "is required with every status but active, and not allowed with active",
    );
  }
  if (source !== undefined && !photos.some(({ id }) => id === source)) {
    report("session.source_image_id", "is not among the photos");
  }
}

/** A step of a recipe names it, and has what it needs; another one has a prompt, unless it enlarges, and a model. */
function checkRecipe(
  { recipe_id, parameters, prompt, model_key, slots }: DocumentStep,
  recipeIds: ReadonlySet<string>,
  path: string,
  report: Report,
): void {
  if ((recipe_id === undefined) !== (parameters.recipe === undefined)) {
    report(`${path}.recipe_id`, "and parameters.recipe are required together");
  } else if (recipe_id !== undefined && !recipeIds.has(recipe_id)) {
    report(`${path}.recipe_id`, "is not among the recipes");
  } else if (recipe_id === undefined) {
    // An upload that was enlarged has none, and several pictures have their own.
    const isEnlarged = parameters.upscale ?? slots.every((slot) => slot.enlargement);
    if (prompt === "" && !isEnlarged) report(`${path}.prompt`, "is empty");
    if (model_key === "") report(`${path}.model_key`, "is empty");
  }
}

/** One for each seed; of a recipe for each combination of its lists, seed and output. */
function requestedSlots({ parameters: { batch_size, recipe } }: DocumentStep): number {
  if (!recipe) return batch_size;
  const inputs = recipe.inputs as Record<string, Json>;
  return batch_size * recipe.outputs * countCombinations(recipe.axes ?? [], inputs);
}

function checkSteps({ steps, photos, recipes = [] }: SessionDocument, report: Report): void {
  const generated = new Set(photos.filter(({ kind }) => kind === "generated").map(({ id }) => id));
  const photoIds = new Set(photos.map(({ id }) => id));
  const recipeIds = new Set(recipes.map(({ id }) => id));
  const positions = new Map<string, number>();
  const filled = new Set<string>();
  let last = 0;
  for (const [at, step] of steps.entries()) {
    const path = `steps.${at}`;
    if (positions.has(step.id)) report(`${path}.id`, "appears twice");
    checkRecipe(step, recipeIds, path, report);
    if (step.position <= last) report(`${path}.position`, "is not above that of the previous step");
    if (step.parent_id !== undefined && !positions.has(step.parent_id)) {
      report(`${path}.parent_id`, "is not an earlier step");
    }
    positions.set(step.id, step.position);
    last = step.position;
    if (step.source_image_id !== undefined && !photoIds.has(step.source_image_id)) {
      report(`${path}.source_image_id`, "is not among the photos");
    }
    checkReferences(step, photoIds, path, report);
    const requested = requestedSlots(step);
    const { recipe } = step.parameters;
    if (recipe ? step.slots.length < requested : step.slots.length !== requested) {
      report(`${path}.slots`, "are not as many as were requested");
    }
    for (const [index, slot] of step.slots.entries()) {
      const slotPath = `${path}.slots.${index}`;
      // Those that a recipe has opened behind the requested ones may leave gaps.
      const isInPlace =
        index < requested ? slot.index === index : slot.index > step.slots[index - 1]!.index;
      if (!isInPlace) report(`${slotPath}.index`, "is not its index in the list");
      if (slot.source_image_id !== undefined && !photoIds.has(slot.source_image_id)) {
        report(`${slotPath}.source_image_id`, "is not among the photos");
      }
      if (slot.photo_id === undefined) continue;
      if (!generated.has(slot.photo_id)) report(`${slotPath}.photo_id`, "is not a generated photo");
      if (filled.has(slot.photo_id)) report(`${slotPath}.photo_id`, "fills two slots");
      filled.add(slot.photo_id);
    }
    const choice = step.selected_image_id;
    if (choice !== undefined && !step.slots.some((slot) => slot.photo_id === choice)) {
      report(`${path}.selected_image_id`, "is not an image of the step");
    }
  }
}

function checkReferences(
  { references = [] }: Pick<DocumentStep, "references">,
  photoIds: ReadonlySet<string>,
  path: string,
  report: Report,
): void {
  for (const [at, { image_id, begin, end }] of references.entries()) {
    if (!photoIds.has(image_id)) {
      report(`${path}.references.${at}.image_id`, "is not among the photos");
    }
    if (begin !== undefined && end !== undefined && begin > end) {
      report(`${path}.references.${at}.begin`, "is above end");
    }
  }
}

function checkPhotos({ photos }: SessionDocument, maxPictureBytes: number, report: Report): void {
  const ids = new Set<string>();
  const files = new Set([documentName]);
  const uploads = new Set<string>();
  const photoIds = new Set(photos.map(({ id }) => id));
  let bytes = 0;
  for (const [at, photo] of photos.entries()) {
    const path = `photos.${at}`;
    checkReferences(photo, photoIds, path, report);
    const { id, kind, file, absent, file_size, content_hash, mime_type } = photo;
    if (ids.has(id)) report(`${path}.id`, "appears twice");
    ids.add(id);
    if ((file === undefined) === (absent === undefined))
      report(path, "must have either file or absent");
    if (absent === "not_retrieved" && kind === "uploaded")
      report(`${path}.absent`, "is not allowed for an upload");
    if (file === undefined) continue;
    if (files.has(file)) report(`${path}.file`, "is used twice");
    files.add(file);
    if (file_size === undefined) report(`${path}.file_size`, "is required with file");
    if (content_hash === undefined) report(`${path}.content_hash`, "is required with file");
    if (mime_type === undefined) report(`${path}.mime_type`, "is required with file");
    if (kind === "uploaded" && content_hash !== undefined) {
      if (uploads.has(content_hash)) report(`${path}.content_hash`, "belongs to another upload");
      uploads.add(content_hash);
    }
    bytes += file_size ?? 0;
  }
  if (bytes > maxPictureBytes) report("photos", `hold more than ${maxPictureBytes} bytes`);
}

function checkLineage({ lineage, photos, steps, session }: SessionDocument, report: Report): void {
  const ids = new Set(photos.map(({ id }) => id));
  const own = new Set(steps.flatMap(({ slots }) => slots.flatMap((slot) => slot.photo_id ?? [])));
  const parents = new Map<string, string>();
  for (const [at, { from, to, kind }] of lineage.entries()) {
    const path = `lineage.${at}`;
    if (!ids.has(from)) report(`${path}.from`, "is not among the photos");
    if (!ids.has(to)) report(`${path}.to`, "is not among the photos");
    if (parents.has(to)) report(`${path}.to`, "has two parents");
    if (kind === "variation" && (from !== session.source_image_id || !own.has(to))) {
      report(path, "a variation must lead from the session's source to an image of the session");
    }
    parents.set(to, from);
  }
  const ends = new Set<string>();
  for (const start of parents.keys()) {
    const path = new Set<string>();
    for (
      let id: string | undefined = start;
      id !== undefined && !ends.has(id);
      id = parents.get(id)
    ) {
      if (path.has(id)) return report("lineage", "contains a cycle");
      path.add(id);
    }
    for (const id of path) ends.add(id);
  }
}

function checkMasks({ masks = [], steps, photos }: SessionDocument, report: Report): void {
  const known = new Set(masks.map((mask) => mask.content_hash));
  if (known.size < masks.length) report("masks", "hold one mask twice");
  for (const [list, entries] of Object.entries({ steps, photos })) {
    for (const [at, { mask }] of entries.entries()) {
      if (mask !== undefined && !known.has(mask)) {
        report(`${list}.${at}.mask`, "is not among the masks");
      }
    }
  }
}
