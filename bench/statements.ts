import { drizzle } from "drizzle-orm/postgres-js";
import type { Db } from "#db/client";
import { countPhotos, listPhotos, type PhotoPage } from "#db/queries/photos/photo-list";
import * as schema from "#db/schema/index";
import type { Statement } from "./baseline-select";
import type { BenchStack } from "./stack";

/** Records the statements that queries send, in order. */
export async function statementsOf(
  { database }: BenchStack,
  work: (db: Db) => Promise<unknown>,
  isPrepared: boolean,
): Promise<Statement[]> {
  const statements: Statement[] = [];
  const logger = {
    logQuery: (text: string, params: unknown[]) =>
      void statements.push({ text, params: params as Statement["params"], isPrepared }),
  };
  await work(drizzle(database.sql, { schema, logger }));
  return statements;
}

/** The statements of a page of photos and of its limited count, which run in parallel. */
export async function statementsOfPage(stack: BenchStack, page: PhotoPage): Promise<Statement[][]> {
  const { filter, after } = page;
  const isPrepared = (filter.search ?? filter.tagKey) === undefined;
  const bound = filter.search === undefined ? 10_001 : 1_001;
  const list = await statementsOf(stack, (db) => listPhotos(db, page), isPrepared);
  if (after) return [list];
  return [list, await statementsOf(stack, (db) => countPhotos(db, { filter, bound }), isPrepared)];
}
