import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq, sql } from "drizzle-orm";
import { albumOfBoard, listMirroredBoards, noteBoards } from "#db/queries/mirror/boards";
import { albums } from "#db/schema/albums";
import { mirroredBoards } from "#db/schema/mirror";
import { createTestDatabase } from "#tests/support/database";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  database = await createTestDatabase();
}, 60_000);
afterAll(() => database.drop());

const backend = "local";
const note = (...boards: [string, string, (string | null)?][]) =>
  noteBoards(database.db, {
    backend,
    boards: boards.map(([boardId, name, chosenAs = null]) => ({ boardId, name, chosenAs })),
  });

async function makeAlbum(boardId: string): Promise<string> {
  const newId = crypto.randomUUID();
  await database.db.transaction((tx) => albumOfBoard(tx, { backend, boardId, newId }));
  return newId;
}

async function nameOf(albumId: string): Promise<string | undefined> {
  const [album] = await database.db.select().from(albums).where(eq(albums.id, albumId));
  return album?.name;
}

test("renamed boards rename the albums that kept their names, all at once", async () => {
  await note(["a", "North"], ["b", "South"], ["c", "Empty"]);
  const [north, south] = [await makeAlbum("a"), await makeAlbum("b")];
  await database.db.update(albums).set({ name: "Mine" }).where(eq(albums.id, south));
  await note(["a", "Far north"], ["b", "Deep south"], ["c", "Still empty", "Empty"], ["d", "New"]);
  expect([await nameOf(north), await nameOf(south)]).toEqual(["Far north", "Mine"]);
  const boards = await listMirroredBoards(database.db, backend);
  const noted = new Map(boards.map((board) => [board.boardId, [board.name, board.chosenAs]]));
  expect(Object.fromEntries(noted)).toEqual({
    a: ["Far north", null],
    b: ["Deep south", null],
    c: ["Still empty", "Empty"],
    d: ["New", null],
  });
});

test("an album that is being made while its board is renamed gets the new name", async () => {
  await note(["e", "Early"]);
  const albumId = crypto.randomUUID();
  const { promise: isMade, resolve: made } = Promise.withResolvers<void>();
  const { promise: isBlocked, resolve: goOn } = Promise.withResolvers<void>();
  const making = database.db.transaction(async (tx) => {
    await albumOfBoard(tx, { backend, boardId: "e", newId: albumId });
    made();
    await isBlocked;
  });
  await isMade;
  const renaming = note(["e", "Late"]);
  for (;;) {
    const [seen] = await database.db.execute<{ waiting: number }>(
      sql`select count(*)::int as waiting from pg_locks where not granted`,
    );
    if (seen!.waiting > 0) break;
  }
  goOn();
  await Promise.all([making, renaming]);
  expect(await nameOf(albumId)).toBe("Late");
  expect(await database.db.$count(mirroredBoards, eq(mirroredBoards.albumId, albumId))).toBe(1);
});
