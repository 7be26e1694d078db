import type { SchemaOptions } from "@sinclair/typebox";
import { type TSchema, t } from "elysia";

/** The schema of one of these words. */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  options?: SchemaOptions,
): TSchema & { static: Word } {
  const literals = words.map((word) => t.Literal(word));
  // The cast is safe: `map` loses the tuple type from which `t.Union` derives its static type.
  return t.Union(literals, options) as unknown as TSchema & { static: Word };
}
