import { countMoved } from "#db/queries/storage/moved-originals";
import { findNewestMove } from "#db/queries/storage/storage-moves";
import { placesOf } from "#library/places";
import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";
import { moveToWire, storageSchema } from "./model";

/** Where the photos are, and what a move to another place does. */
export function createStorageModule(deps: ApiDeps) {
  const { db } = deps.database;

  return createModule({ name: "storage", prefix: "/api/v1", tags: ["service"] }).get(
    "/storage",
    async () => {
      const move = await findNewestMove(db);
      const { first: place } = placesOf(move, deps.config.storage);
      return { place, ...(move && { move: moveToWire(move, await countMoved(db)) }) };
    },
    {
      response: { 200: storageSchema },
      detail: {
        summary: "Where the photos are, and how far a move to another storage is",
        description: "Moves are requested by `./gallery storage move` on the server.",
      },
    },
  );
}
