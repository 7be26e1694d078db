import { createWriteStream } from "node:fs";
import type { Snapshot } from "#db/backup/snapshot";
import { copyOut, originalsOf } from "#db/backup/tables";
import type { BackupDraft } from "#media/backup/draft";
import { entryToLine, type Manifest } from "#media/backup/manifest";
import { tableFile, wantedFile } from "#media/backup/names";
import { originalKey } from "#media/storage/keys";

/** Writes every table as it is in the snapshot, and the list of originals that its photos have. */
export async function dumpDatabase(
  { sql, migration, tables, counters }: Snapshot,
  draft: BackupDraft,
  signal?: AbortSignal,
): Promise<Pick<Manifest, "migration" | "tables" | "counters">> {
  const dumped: Manifest["tables"] = [];
  for (const table of tables) {
    signal?.throwIfAborted();
    const hash = new Bun.CryptoHasher("sha256");
    let rows = 0;
    const content = async function* () {
      for await (const chunk of copyOut(sql, table)) {
        hash.update(chunk);
        // A line break within a value is written as \n.
        for (const byte of chunk) if (byte === newline) rows += 1;
        yield chunk;
      }
    };
    const file = await draft.compress(tableFile(table.name), content());
    dumped.push({ ...table, rows, sha256: hash.digest("hex"), file });
  }
  await listWanted(sql, draft.pathOf(wantedFile));
  return { migration, tables: dumped, counters };
}

const newline = 10;

async function listWanted(sql: Snapshot["sql"], path: string): Promise<void> {
  const list = createWriteStream(path, { flags: "wx", mode: 0o600 });
  const written = Promise.withResolvers<void>();
  list.once("error", written.reject).once("finish", written.resolve);
  for await (const { id: photoId, kind, mimeType, bytes, sha256 } of originalsOf(sql)) {
    const key = originalKey({ id: photoId, kind, mimeType });
    if (list.write(entryToLine({ photoId, key, bytes, sha256 }))) continue;
    await Promise.race([new Promise((resolve) => list.once("drain", resolve)), written.promise]);
  }
  list.end();
  await written.promise;
}
