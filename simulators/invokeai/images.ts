import type { Database } from "bun:sqlite";
import { mkdirSync, rmSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { NodeError } from "./nodes/endings.ts";
import { addPngText } from "./png-text.ts";
import { sqlTimestamp } from "./timestamps.ts";

export type ImageRow = {
  image_name: string;
  image_origin: "internal" | "external";
  image_category: string;
  width: number;
  height: number;
  is_intermediate: number;
  session_id: string | null;
  node_id: string | null;
  metadata: string | null;
  graph: string | null;
  board_id: string | null;
  starred: number;
  created_at: string;
};

export type NewImage = Omit<ImageRow, "image_name" | "starred" | "created_at">;

export type ImageFilter = {
  origin?: string;
  categories: string[];
  isIntermediate?: boolean;
  boardId?: string;
  searchTerm?: string;
  ascending: boolean;
  starredFirst: boolean;
  offset: number;
  limit: number;
};

export type ImageStore = ReturnType<typeof createImageStore>;

/** Records are in the database, bytes in files under `dataDir` or in memory without one. */
export function createImageStore(database: Database, dataDir: string | undefined) {
  const folder = dataDir === undefined ? undefined : join(dataDir, "images");
  const inMemory = new Map<string, Buffer>();
  /** One picture for many names; each name has bytes of its own. */
  const shared = new Map<string, Buffer>();
  /** Boards' names by id; not kept across a restart of the process. */
  const boards = new Map<string, string>();
  if (folder !== undefined) mkdirSync(folder, { recursive: true });

  const insert = database.query<ImageRow, Omit<ImageRow, "starred">>(
    `insert into images (image_name, image_origin, image_category, width, height, is_intermediate,
       session_id, node_id, metadata, graph, board_id, created_at)
     values ($image_name, $image_origin, $image_category, $width, $height, $is_intermediate,
       $session_id, $node_id, $metadata, $graph, $board_id, $created_at)`,
  );
  const select = database.query<ImageRow, [string]>("select * from images where image_name = ?");

  async function write(name: string, bytes: Buffer): Promise<void> {
    if (folder === undefined) inMemory.set(name, bytes);
    else await Bun.write(join(folder, name), bytes);
  }

  const find = (name: string): ImageRow | undefined => select.get(name) ?? undefined;

  return {
    find,
    boards,

    /** The record that a node requests; a missing one fails the node, as on the real server. */
    getForNode(name: string): ImageRow {
      const row = find(name);
      if (row !== undefined) return row;
      throw new NodeError("ImageRecordNotFoundException", "Image record not found");
    },

    /** Stores the record before the file, as the real server does; `reached` may stop it in between. */
    async save(
      png: Buffer,
      image: NewImage,
      reached: (step: "recorded" | "half_written") => Promise<void> = async () => {},
    ): Promise<ImageRow> {
      const row = {
        ...image,
        // A missing board is only a warning in the log.
        board_id: boards.has(image.board_id ?? "") ? image.board_id : null,
        image_name: `${crypto.randomUUID()}.png`,
        created_at: sqlTimestamp(),
      };
      insert.run(row);
      await reached("recorded");
      await write(row.image_name, png.subarray(0, png.length / 2));
      await reached("half_written");
      await write(row.image_name, png);
      return { ...row, starred: 0 };
    },

    /**
     * Adds many finished pictures of the page at once, one made each second until now: with the pixels of one, and other
     * bytes each, which take no room.
     */
    addMany(count: number, png: Buffer, size: { width: number; height: number }): void {
      const now = Date.now();
      database.transaction(() => {
        for (let at = 0; at < count; at += 1) {
          const image_name = `${crypto.randomUUID()}.png`;
          insert.run({
            ...size,
            image_name,
            image_origin: "internal",
            image_category: "general",
            is_intermediate: 0,
            session_id: null,
            node_id: null,
            metadata: null,
            graph: null,
            board_id: null,
            created_at: sqlTimestamp(new Date(now - (count - at) * 1_000)),
          });
          shared.set(image_name, png);
        }
      })();
    },

    async readBytes(name: string): Promise<Buffer> {
      const picture = shared.get(name);
      if (picture !== undefined) return addPngText(picture, { Title: name });
      const kept = inMemory.get(name);
      if (kept !== undefined) return kept;
      const file = folder === undefined ? undefined : Bun.file(join(folder, name));
      if (file !== undefined && (await file.exists())) return Buffer.from(await file.arrayBuffer());
      throw new NodeError("ImageFileNotFoundException", "Image file not found");
    },

    /** false when there is no such image. */
    async delete(name: string): Promise<boolean> {
      if (find(name) === undefined) return false;
      database.query("delete from images where image_name = ?").run(name);
      inMemory.delete(name);
      shared.delete(name);
      if (folder !== undefined) await unlink(join(folder, name)).catch(() => {});
      return true;
    },

    /** Sets the star of a picture, and the board it is on. */
    change(name: string, change: Partial<Pick<ImageRow, "starred" | "board_id">>): void {
      const { starred, board_id } = { ...find(name), ...change };
      database
        .query("update images set starred = ?, board_id = ? where image_name = ?")
        .run(starred ?? 0, board_id ?? null, name);
    },

    /** Its pictures stay, without a board. */
    deleteBoard(boardId: string): void {
      database.query("update images set board_id = null where board_id = ?").run(boardId);
      boards.delete(boardId);
    },

    list(filter: ImageFilter): { rows: ImageRow[]; total: number; starred: number } {
      const { where, values } = whereClause(filter);
      const order = filter.ascending ? "asc" : "desc";
      const stars = filter.starredFirst ? "starred desc," : "";
      const rows = database
        .query<ImageRow, (string | number)[]>(
          `select * from images ${where} order by ${stars} created_at ${order}, position ${order} limit ? offset ?`,
        )
        .all(...values, filter.limit, filter.offset);
      const count = database
        .query<{ total: number; starred: number }, (string | number)[]>(
          `select count(*) as total, coalesce(sum(starred), 0) as starred from images ${where}`,
        )
        .get(...values);
      return { rows, total: count?.total ?? 0, starred: count?.starred ?? 0 };
    },

    wipe(): void {
      database.run("delete from images");
      inMemory.clear();
      shared.clear();
      boards.clear();
      if (folder === undefined) return;
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
    },
  };
}

function whereClause(filter: ImageFilter): { where: string; values: (string | number)[] } {
  const terms: string[] = [];
  const values: (string | number)[] = [];
  const add = (term: string, ...more: (string | number)[]) => {
    terms.push(term);
    values.push(...more);
  };
  if (filter.origin !== undefined) add("image_origin = ?", filter.origin);
  if (filter.categories.length > 0) {
    const marks = filter.categories.map(() => "?").join(",");
    add(`image_category in (${marks})`, ...filter.categories);
  }
  if (filter.isIntermediate !== undefined)
    add("is_intermediate = ?", Number(filter.isIntermediate));
  if (filter.boardId === "none") add("board_id is null");
  else if (filter.boardId !== undefined) add("board_id = ?", filter.boardId);
  if (filter.searchTerm !== undefined && filter.searchTerm !== "") {
    const pattern = `%${filter.searchTerm.toLowerCase()}%`;
    add("(metadata like ? or created_at like ?)", pattern, pattern);
  }
  return { where: terms.length === 0 ? "" : `where ${terms.join(" and ")}`, values };
}
