import { randomUUID } from "node:crypto";
import { countMoved } from "#db/queries/storage/moved-originals";
import {
  beginMove,
  cancelMove,
  findNewestMove,
  requestForgetting,
} from "#db/queries/storage/storage-moves";
import { conflict } from "#errors";
import { claimTarget } from "../move/claim-target";
import { describeMove } from "../move/describe";
import { openLibrary } from "../open";
import { placesOf } from "../places";
import type { Command, CommandDeps } from "./command";

type StorageCommand = Extract<Command, { verb: `storage-${string}` }>;

/** `./gallery storage …`: only writes what is to be done to the rows; the worker does it. */
export async function runStorage(command: StorageCommand, deps: CommandDeps): Promise<number> {
  switch (command.verb) {
    case "storage-status":
      return showStatus(deps);
    case "storage-move":
      return requestMove(deps, command.target);
    case "storage-cancel":
      return requestCancel(deps);
    case "storage-forget-old":
      return requestForget(deps, command.keepsFiles);
  }
}

/** The exit status is 1 while the move waits for something. */
async function showStatus({ config, database: { db } }: CommandDeps): Promise<number> {
  const move = await findNewestMove(db);
  if (!move) {
    console.log(
      `The photos are ${config.storage === "s3" ? "in S3" : "on the disk"}; they were never moved.`,
    );
    return 0;
  }
  console.log(describeMove(move, await countMoved(db)));
  return move.message === null ? 0 : 1;
}

async function requestMove(
  { config, database: { db } }: CommandDeps,
  target: "disk" | "s3",
): Promise<number> {
  const { installation, places } = await openLibrary(db, config);
  const move = await findNewestMove(db);
  const { first: source } = placesOf(move, config.storage);
  if (move && ["copying", "switching", "forgetting"].includes(move.status)) {
    throw conflict("Another move is not over yet; see ./gallery storage status.");
  }
  if (source === target) {
    throw conflict(`The photos are already ${target === "s3" ? "in S3" : "on the disk"}.`);
  }
  const storage = places[target];
  if (storage === null) {
    throw conflict(
      "Set S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, leave STORAGE as it is, restart the gallery, and run this again.",
    );
  }
  await claimTarget(storage, installation.id);
  const isBegun = await beginMove(db, { id: randomUUID(), source, target });
  if (!isBegun) throw conflict("Another move is not over yet; see ./gallery storage status.");
  console.log(
    "The move begins within a minute, while the gallery is used as before. See ./gallery storage status.",
  );
  return 0;
}

async function requestCancel({ database: { db } }: CommandDeps): Promise<number> {
  const move = await findNewestMove(db);
  if (!move || !(await cancelMove(db, { id: move.id, now: new Date() }))) {
    throw conflict(
      "There is no move that can be cancelled: only while it copies. Afterwards, move the photos back.",
    );
  }
  console.log("Cancelled. What was copied stays where it is; another move goes on with it.");
  return 0;
}

async function requestForget(
  { config, database: { db } }: CommandDeps,
  keepsFiles: boolean,
): Promise<number> {
  const move = await findNewestMove(db);
  if (move?.status !== "completed") {
    throw conflict("There is no old copy: no move was completed since the last one was deleted.");
  }
  if (config.storage !== move.target) {
    throw conflict(
      `Set STORAGE=${move.target} and restart the gallery first: without the old copy it starts only with this setting.`,
    );
  }
  if (!(await requestForgetting(db, { id: move.id, keepsFiles }))) {
    throw conflict("The move has changed meanwhile; see ./gallery storage status.");
  }
  const what = keepsFiles
    ? "Every original is compared at the new place; then the old copy is used no more, and stays as it is."
    : "The old copy is deleted photo by photo, each after its original was compared at the new place.";
  console.log(
    `${what} This begins within a minute, at the earliest an hour after the move. See ./gallery storage status.`,
  );
  return 0;
}
