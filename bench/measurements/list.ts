import { drizzle } from "drizzle-orm/postgres-js";
import { countPhotos, listPhotos } from "#db/queries/photo-list";
import * as schema from "#db/schema/index";
import type { Statement } from "../bare-select";
import type { LoadResult } from "../load-get";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import { seedPhotos } from "../seed";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

/** Of InvokeAI 6.14's own gallery with 50 000 rows, 16 connections, on two cores of this kind, in another run. */
const invokeaiPerSecond = 25;
const amount = 100_000;
const depth = 90_000;
const limit = 50;
const connections = 16;
const rounds = 5;
const seconds = 2;

/** Pages of the list of photos, beside their SQL through the driver alone. */
export async function measureList(stack: BenchStack): Promise<Row[]> {
  await seedPhotos(stack.database, amount);
  const load = async (query: string, atOnce = connections) => {
    const paths = [`/api/v1/photos?limit=${limit}${query}`];
    return runScript<LoadResult>("load-get", {
      url: stack.url,
      paths,
      connections: atOnce,
      seconds,
    });
  };
  const statements = await statementsOfFirstPage(stack);
  const deep = await cursorAt(stack, depth);
  const rates = await measureInTurn(rounds, {
    first: async () => (await load("")).perSecond,
    bare: () =>
      runScript<number>("bare-select", {
        url: stack.databaseUrl,
        statements,
        connections,
        seconds,
      }),
    deep: async () => (await load(`&cursor=${deep}`)).perSecond,
  });
  const first = `GET /photos?limit=${limit} of ${amount} rows, ${connections} connections`;
  return [
    {
      what: first,
      ours: rates.first,
      unit: "/s",
      beside: { what: "its SQL through postgres.js", value: rates.bare },
      aim: { atLeast: 0.5 },
    },
    {
      what: `… page at depth ${depth} by cursor`,
      ours: rates.deep,
      unit: "/s",
      beside: { what: "first page", value: rates.first },
      aim: { atLeast: 0.77 },
    },
    {
      what: first,
      ours: rates.first,
      unit: "/s",
      beside: { what: "InvokeAI's gallery of 50000, another run", value: invokeaiPerSecond },
      aim: { atLeast: 20 },
    },
  ];
}

/** What the queries of the first page send, written down from the queries themselves. */
async function statementsOfFirstPage({ database }: BenchStack): Promise<Statement[]> {
  const statements: Statement[] = [];
  const logger = {
    logQuery: (text: string, params: unknown[]) =>
      void statements.push({ text, params: params as Statement["params"] }),
  };
  const db = drizzle(database.sql, { schema, logger });
  const filter = { isTrashed: false };
  await listPhotos(db, { filter, sort: "newest", limit: limit + 1, offset: 0 });
  await countPhotos(db, { filter, bound: 10_001 });
  return statements;
}

async function cursorAt(stack: BenchStack, place: number): Promise<string> {
  const path = `/api/v1/photos?limit=${limit}&offset=${place - limit}`;
  const response = await fetch(`${stack.url}${path}`);
  const { next_cursor } = (await response.json()) as { next_cursor: string };
  return encodeURIComponent(next_cursor);
}
