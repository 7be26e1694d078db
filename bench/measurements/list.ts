import type { LoadResult } from "../latencies";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import { seedPhotos } from "../seed";
import type { BenchStack } from "../stack";
import { statementsOfPage } from "../statements";
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
  const filter = { isTrashed: false };
  const chains = await statementsOfPage(stack, {
    filter,
    sort: "newest",
    after: null,
    limit: limit + 1,
    offset: 0,
  });
  const deep = await cursorAt(stack, depth);
  const rates = await measureInTurn(rounds, {
    first: async () => (await load("")).perSecond,
    bare: async () => {
      const work = { url: stack.databaseUrl, chains, connections, seconds };
      return (await runScript<LoadResult>("bare-select", work)).perSecond;
    },
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

async function cursorAt(stack: BenchStack, place: number): Promise<string> {
  const path = `/api/v1/photos?limit=${limit}&offset=${place - limit}`;
  const response = await fetch(`${stack.url}${path}`);
  const { next_cursor } = (await response.json()) as { next_cursor: string };
  return encodeURIComponent(next_cursor);
}
