import { ProviderError } from "#errors";
import { findMovedImages, findUnseenImages } from "#db/queries/mirror/images";
import { listMirroredBoards, noteBoards, type SeenBoard } from "#db/queries/mirror/boards";
import { noteMirrorState } from "#db/queries/mirror/states";
import { isStepUnderWay } from "#db/queries/steps/steps";
import type { SettingValues } from "#db/settings";
import { eachOf } from "#each-of";
import { beginningOf } from "#storable-text";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import type { GalleryImage } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { noteProgress } from "../heartbeat";
import { settleMove } from "./settle";
import { takeImage } from "./take-image";

type Mirrored = Exclude<SettingValues["backend.mirror"], "off">;

export type MirrorPass = {
  deps: ActivityDeps;
  backend: string;
  client: InvokeAiClient;
  mirrored: Mirrored;
  signal: AbortSignal;
  /** What is wrong with pictures that InvokeAI could not send; they are tried again in the next pass. */
  unsent: string[];
  /** The names of those that this pass takes or has taken: a list that it works through may be older. */
  begun: Set<string>;
};

/** So many of the newest are listed at a hint: more than InvokeAI makes between two hints. */
const newest = 100;
/** So many are described by one request. */
const perRequest = 100;
/** While many are taken: between two looks at the setting, and at how many are left. */
const lookEveryMs = 1_000;
/** As many as retrievals: some are fetched and stored while others are decoded. */
const atOnce = 4;
/** While a step is under way, whose own images need the processor as well. */
const atOnceBesideStep = 2;
/** Steps come in series. */
const afterStepMs = 10_000;
/** As many pictures may fail in one pass before InvokeAI itself is taken to be at fault. */
const mostUnsent = 20;
const movesAtOnce = 500;
const maxAlbumName = 200;

/** Takes the newest images. False when there may be more behind them. */
export async function takeNewest(pass: MirrorPass): Promise<boolean> {
  const images = await pass.client.listNewest(newest, pass.signal);
  const boards = await chosenBoards(pass, images);
  const chosen = images.filter((image) => isChosen(pass.mirrored, boards, image.boardId));
  const unseen = await unseenOf(pass, chosen);
  await takeEach(pass, unseen);
  return images.length < newest || unseen.length < chosen.length || chosen.length === 0;
}

/** What may happen while many are taken. */
export type Meanwhile = {
  /** Whether InvokeAI has announced an image. */
  isHinted: () => boolean;
  /** Takes what was announced, and says whether to go on. */
  look: () => Promise<boolean>;
};

/** Compares all images, stars and boards with what was seen before, and takes what is missing, newest first. */
export async function compareAll(
  pass: MirrorPass,
  meanwhile: Meanwhile,
): Promise<{ isComplete: boolean }> {
  const { deps, backend, client, mirrored, signal } = pass;
  const { db } = deps.database;
  const { imageNames, starred } = await client.listGallery(signal);
  const boards = await readBoards(pass);
  const boardOf = new Map<string, string>();
  for (const boardId of boards.all) {
    noteProgress();
    for (const name of await client.listBoardImages(boardId, signal)) boardOf.set(name, boardId);
  }
  const listed = imageNames.map((imageName) => ({
    imageName,
    isStarred: starred.has(imageName),
    boardId: boardOf.get(imageName) ?? null,
  }));
  const names = listed
    .filter(({ boardId }) => isChosen(mirrored, boards.chosen, boardId))
    .map(({ imageName }) => imageName);
  const unseen = await findUnseenImages(db, { backend, names });
  await noteMirrorState(db, { backend, now: deps.now(), waiting: unseen.length, fault: null });
  if (!(await takeAll(pass, unseen, meanwhile))) return { isComplete: false };
  await settleMoves(pass, listed, boards.all);
  await noteMirrorState(db, { backend, now: deps.now(), comparedAt: deps.now() });
  return { isComplete: true };
}

/** Takes these, and looks now and then for what was announced meanwhile. False when it was told to stop. */
async function takeAll(
  pass: MirrorPass,
  names: readonly string[],
  { isHinted, look }: Meanwhile,
): Promise<boolean> {
  const { deps, backend, client, signal } = pass;
  const { db } = deps.database;
  let left = names.length;
  let goesOn = true;
  let lookedAt = performance.now();
  let looking: Promise<void> | undefined;
  let lanes = atOnce;
  let stepSeenAt = -Infinity;
  const chooseLanes = async () => {
    if (await isStepUnderWay(db)) stepSeenAt = performance.now();
    lanes = performance.now() - stepSeenAt > afterStepMs ? atOnce : atOnceBesideStep;
  };
  const lookOnce = async () => {
    await noteMirrorState(db, { backend, now: deps.now(), waiting: left });
    await chooseLanes();
    goesOn = await look();
    lookedAt = performance.now();
    looking = undefined;
  };
  const mayTake = async () => {
    const isDue = isHinted() || performance.now() - lookedAt > lookEveryMs;
    // All wait for the one that looks: what was announced comes first.
    if (isDue || looking) await (looking ??= lookOnce());
    if (goesOn) left -= 1;
    return goesOn;
  };
  let at = 0;
  async function* describe() {
    for (const chosen = lanes; at < names.length && goesOn && lanes === chosen; at += perRequest) {
      yield* await client.getGalleryImages(names.slice(at, at + perRequest), signal);
    }
  }
  await chooseLanes();
  while (at < names.length && goesOn) await takeEach(pass, describe(), { lanes, mayTake });
  if (goesOn) await noteMirrorState(db, { backend, now: deps.now(), waiting: 0 });
  return goesOn;
}

async function settleMoves(
  { deps, backend }: MirrorPass,
  listed: { imageName: string; isStarred: boolean; boardId: string | null }[],
  boards: ReadonlySet<string>,
): Promise<void> {
  const params = { backend, listed, limit: movesAtOnce };
  for (;;) {
    const moves = await findMovedImages(deps.database.db, params);
    for (const moved of moves) {
      noteProgress();
      // A board that was deleted there takes nothing out of its album here.
      const wasOn = moved.wasOn !== null && boards.has(moved.wasOn) ? moved.wasOn : null;
      await settleMove(deps, backend, { ...moved, wasOn });
    }
    if (moves.length < movesAtOnce) return;
  }
}

async function unseenOf(
  { deps, backend }: MirrorPass,
  images: GalleryImage[],
): Promise<GalleryImage[]> {
  const names = images.map(({ imageName }) => imageName);
  const unseen = new Set(await findUnseenImages(deps.database.db, { backend, names }));
  return images.filter(({ imageName }) => unseen.has(imageName));
}

type Taking = {
  lanes: number;
  /** Asked before each image: whether it may be taken. */
  mayTake: () => Promise<boolean>;
};

async function takeEach(
  pass: MirrorPass,
  images: GalleryImage[] | AsyncGenerator<GalleryImage>,
  { lanes, mayTake }: Taking = { lanes: atOnce, mayTake: async () => true },
): Promise<void> {
  const { deps, backend, signal, unsent, begun } = pass;
  await eachOf(images, { atOnce: lanes, signal }, async (image) => {
    noteProgress();
    if (!(await mayTake())) return;
    const { imageName } = image;
    if (begun.has(imageName)) return;
    begun.add(imageName);
    let isNoted = false;
    try {
      isNoted = await takeImage(deps, backend, image, signal);
    } catch (error) {
      // One picture keeps no other away.
      const isOfPicture = error instanceof ProviderError && error.fault === "broken";
      if (!isOfPicture || unsent.length >= mostUnsent) throw error;
      unsent.push(`The picture ${imageName} could not be fetched: ${error.message}`);
    } finally {
      if (!isNoted) begun.delete(imageName);
    }
  });
}

type Boards = { all: ReadonlySet<string>; chosen: ReadonlySet<string> };

const isChosen = (
  mirrored: Mirrored,
  chosen: ReadonlySet<string>,
  boardId: string | null,
): boolean => mirrored === "all" || (boardId !== null && chosen.has(boardId));

/** The chosen boards as noted; they are noted again when an image is on one that is not. */
async function chosenBoards(
  pass: MirrorPass,
  images: GalleryImage[],
): Promise<ReadonlySet<string>> {
  const noted = await listMirroredBoards(pass.deps.database.db, pass.backend);
  const known = new Set(noted.map(({ boardId }) => boardId));
  const areKnown = images.every(({ boardId }) => boardId === null || known.has(boardId));
  if (!areKnown) return (await readBoards(pass)).chosen;
  return new Set(noted.filter((board) => board.chosenAs !== null).map(({ boardId }) => boardId));
}

/** Reads the boards that InvokeAI has, and notes those that changed. A board stays chosen when it is renamed there. */
async function readBoards({
  deps,
  backend,
  client,
  mirrored,
  signal,
}: MirrorPass): Promise<Boards> {
  const { db } = deps.database;
  const boards = await client.listBoards(signal);
  const noted = new Map(
    (await listMirroredBoards(db, backend)).map((board) => [board.boardId, board]),
  );
  const names = mirrored === "all" ? [] : mirrored.boards;
  const seen = boards.map(({ boardId, name }): SeenBoard => {
    const before = noted.get(boardId)?.chosenAs ?? null;
    const stays = before !== null && names.includes(before) ? before : null;
    const chosenAs = stays ?? (names.includes(name) ? name : null);
    return { boardId, name: albumName(name), chosenAs };
  });
  const changed = seen.filter(({ boardId, name, chosenAs }) => {
    const before = noted.get(boardId);
    return before?.name !== name || before.chosenAs !== chosenAs;
  });
  await noteBoards(db, { backend, boards: changed });
  return {
    all: new Set(seen.map(({ boardId }) => boardId)),
    chosen: new Set(seen.filter((board) => board.chosenAs !== null).map((board) => board.boardId)),
  };
}

function albumName(name: string): string {
  const short = beginningOf(name.trim(), maxAlbumName);
  return short === "" ? "Board" : short;
}
