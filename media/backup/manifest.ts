import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

const hash = Type.String({ pattern: "^[0-9a-f]{64}$" });
const uuid = Type.String({ pattern: "^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$" });
const amount = Type.Integer({ minimum: 0 });

/** A file in the folder of a backup; `bytes` and `sha256` are those of the file as it is there. */
const file = Type.Object({
  name: Type.String({ pattern: "^[a-z0-9][a-z0-9_.-]*$" }),
  bytes: amount,
  sha256: hash,
});

const manifest = Type.Object({
  format: Type.Literal(1),
  id: uuid,
  name: Type.String(),
  createdAt: Type.String(),
  galleryVersion: Type.String(),
  installationId: uuid,
  /** When the newest migration of the database was made, in milliseconds: its identity. */
  migration: Type.Integer({ minimum: 1 }),
  tables: Type.Array(
    Type.Object({
      name: Type.String(),
      columns: Type.Array(Type.String()),
      key: Type.Array(Type.String()),
      rows: amount,
      /** Of the rows in the text format of COPY. */
      sha256: hash,
      file,
    }),
  ),
  counters: Type.Array(
    Type.Object({ sequence: Type.String(), last: Type.String({ pattern: "^-?\\d+$" }) }),
  ),
  /** The list of originals, and their sums. `new`: those that no earlier backup had. */
  originals: Type.Object({
    count: amount,
    bytes: amount,
    newCount: amount,
    newBytes: amount,
    file,
  }),
  /** Files of the data folder that are no photos. */
  dataFiles: Type.Array(file),
  /** Photos whose bytes were nowhere. */
  missing: Type.Array(
    Type.Object({
      id: uuid,
      fault: Type.Union([Type.Literal("missing"), Type.Literal("damaged")]),
    }),
  ),
  /** Photos in the tables that were permanently deleted while their originals were copied. */
  purged: Type.Array(uuid),
});

export type Manifest = Static<typeof manifest>;
export type BackupFile = Static<typeof file>;

/** undefined when the text is no manifest of this format. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(manifest, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An original in a backup: where it belongs in the library, and its bytes. */
export type OriginalEntry = { photoId: string; key: string; bytes: number; sha256: string };

export const entryToLine = ({ photoId, key, bytes, sha256 }: OriginalEntry) =>
  `${sha256}\t${bytes}\t${photoId}\t${key}\n`;

/** @throws Error for a line that `entryToLine` did not make */
export function lineToEntry(line: string): OriginalEntry {
  const [sha256, bytes, photoId, key] = line.split("\t");
  if (sha256 === undefined || bytes === undefined || photoId === undefined || key === undefined) {
    throw new Error("the list of originals has a line that is not complete");
  }
  return { sha256, bytes: Number(bytes), photoId, key };
}
