import { and, eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { albums } from "../../schema/albums";
import { mirroredBoards, type MirroredBoard } from "../../schema/mirror";
import { insertAlbum } from "../albums/albums";

export async function listMirroredBoards(db: Db, backend: string): Promise<MirroredBoard[]> {
  return db.select().from(mirroredBoards).where(eq(mirroredBoards.backend, backend));
}

/**
 * Notes a board as last seen. An album that has kept the board's previous name is renamed with it; another name is the
 * owner's choice.
 */
export async function noteBoard(
  db: Db,
  board: { backend: string; boardId: string; name: string; chosenAs: string | null },
): Promise<void> {
  const { backend, boardId, name, chosenAs } = board;
  await db.transaction(async (tx) => {
    const isBoard = and(eq(mirroredBoards.backend, backend), eq(mirroredBoards.boardId, boardId));
    const [before] = await tx.select().from(mirroredBoards).where(isBoard).for("update");
    if (!before) {
      await tx.insert(mirroredBoards).values(board).onConflictDoNothing();
      return;
    }
    if (before.name === name && before.chosenAs === chosenAs) return;
    await tx.update(mirroredBoards).set({ name, chosenAs }).where(isBoard);
    if (before.albumId === null || before.name === name) return;
    await tx
      .update(albums)
      .set({ name, updatedAt: sql`now()` })
      .where(and(eq(albums.id, before.albumId), eq(albums.name, before.name)));
  });
}

/**
 * The album of a board. It is made for the board's first picture.
 * @param newId the album's id if it is made
 * @returns null when the owner deleted it, or the board was never noted
 */
export async function albumOfBoard(
  tx: Tx,
  params: { backend: string; boardId: string; newId: string },
): Promise<string | null> {
  const { backend, boardId, newId } = params;
  const isBoard = and(eq(mirroredBoards.backend, backend), eq(mirroredBoards.boardId, boardId));
  const [board] = await tx.select().from(mirroredBoards).where(isBoard).for("update");
  if (!board) return null;
  if (board.hasAlbum) return board.albumId;
  await insertAlbum(tx, { id: newId, name: board.name, description: null, coverPhotoId: null });
  await tx.update(mirroredBoards).set({ albumId: newId, hasAlbum: true }).where(isBoard);
  return newId;
}
