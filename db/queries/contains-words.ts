import { and, ilike, or, type SQL } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";

/** Every word of `q` stands somewhere in one of these columns, whatever its case; undefined for no word. For small tables: nothing is indexed. */
export function containsWords(q: string | null, columns: PgColumn[]): SQL | undefined {
  const words = (q ?? "").normalize("NFC").split(/\s+/).filter(Boolean);
  return and(
    ...words.map((word) => {
      const pattern = `%${word.replace(/[\\%_]/g, "\\$&")}%`;
      return or(...columns.map((column) => ilike(column, pattern)));
    }),
  );
}
