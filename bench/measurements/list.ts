import type { LoadResult } from "../latencies";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import { seedPhotos } from "../seed";
import type { BenchStack } from "../stack";
import { statementsOfPage } from "../statements";
import type { Row } from "../table";

/** InvokeAI 6.14's own gallery with 50 000 rows, 16 connections, on two cores of this kind, in another run. */
const invokeaiPerSecond = 25;
const amount = 100_000;
const depth = 90_000;
const limit = 50;
const connections = 16;
const rounds = 5;
const seconds = 2;

/** Pages of the list of photos, against their SQL through the driver alone. */
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
  const measureBaseline = async (asked: typeof chains) => {
    const work = { url: stack.databaseUrl, chains: asked, connections, seconds };
    return (await runScript<LoadResult>("baseline-select", work)).perSecond;
  };
  const rates = await measureInTurn(rounds, {
    first: async () => (await load("")).perSecond,
    baseline: () => measureBaseline(chains),
    uncounted: async () => (await load("&total=false")).perSecond,
    baselineUncounted: () => measureBaseline(chains.slice(0, 1)),
    deep: async () => (await load(`&cursor=${deep}`)).perSecond,
  });
  const first = `GET /photos?limit=${limit} of ${amount} rows, ${connections} connections`;
  return [
    {
      what: first,
      ours: rates.first,
      unit: "/s",
      baseline: { what: "its SQL through postgres.js", value: rates.baseline },
      aim: { atLeast: 0.5 },
    },
    {
      what: "… with total=false",
      ours: rates.uncounted,
      unit: "/s",
      baseline: { what: "its SQL through postgres.js", value: rates.baselineUncounted },
      aim: { atLeast: 0.8 },
    },
    {
      what: `… page at depth ${depth} by cursor`,
      ours: rates.deep,
      unit: "/s",
      baseline: { what: "first page", value: rates.first },
      aim: { atLeast: 0.77 },
    },
    {
      what: `… page at depth ${depth} by cursor`,
      ours: rates.deep,
      unit: "/s",
      baseline: { what: "a page's SQL through postgres.js", value: rates.baselineUncounted },
      aim: { atLeast: 0.8 },
    },
    {
      what: first,
      ours: rates.first,
      unit: "/s",
      baseline: { what: "InvokeAI's gallery of 50000, another run", value: invokeaiPerSecond },
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
