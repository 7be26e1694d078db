import { and, eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { albums } from "../../schema/albums";
import { mirroredBoards, type MirroredBoard } from "../../schema/mirror";
import { insertAlbum } from "../albums/albums";

export async function listMirroredBoards(db: Db, backend: string): Promise<MirroredBoard[]> {
  return db.select().from(mirroredBoards).where(eq(mirroredBoards.backend, backend));
}

export type SeenBoard = { boardId: string; name: string; chosenAs: string | null };

/**
 * Notes boards as last seen. An album that has kept its board's previous name is renamed with it; another name is the
 * owner's choice.
 */
export async function noteBoards(
  db: Db,
  { backend, boards }: { backend: string; boards: readonly SeenBoard[] },
): Promise<void> {
  if (boards.length === 0) return;
  const listed = sql`json_to_recordset(${JSON.stringify(boards)}::text::json)
    as listed ("boardId" text, name text, "chosenAs" text)`;
  await db.transaction(async (tx) => {
    // In a statement of its own: the next one then sees an album that was being made for one of them.
    await tx.execute(sql`
      select from ${mirroredBoards} where backend = ${backend}
        and board_id in (select "boardId" from ${listed}) order by board_id for update`);
    await tx.execute(sql`
      with renamed as (
        update ${albums} as album set name = listed.name, updated_at = now()
        from ${mirroredBoards} as before join ${listed} on before.board_id = listed."boardId"
        where before.backend = ${backend} and before.name <> listed.name
          and album.id = before.album_id and album.name = before.name
      )
      insert into ${mirroredBoards} (backend, board_id, name, chosen_as)
      select ${backend}, "boardId", name, "chosenAs" from ${listed}
      on conflict (backend, board_id) do update set name = excluded.name, chosen_as = excluded.chosen_as`);
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
