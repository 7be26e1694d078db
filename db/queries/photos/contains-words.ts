import { and, ilike, or, type SQL } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";

/** Every word of `q` is in one of these columns, ignoring case; undefined without a word. For small tables: uses no index. */
export function containsWords(q: string | null, columns: PgColumn[]): SQL | undefined {
  const words = (q ?? "").normalize("NFC").split(/\s+/).filter(Boolean);
  return and(
    ...words.map((word) => {
      const pattern = `%${word.replace(/[\\%_]/g, "\\$&")}%`;
      return or(...columns.map((column) => ilike(column, pattern)));
    }),
  );
}
