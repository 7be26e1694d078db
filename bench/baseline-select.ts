import { openDatabase } from "#db/client";
import { type LoadResult, summarise } from "./latencies";
import { answerScript } from "./script";

export type Statement = { text: string; params: (string | number | null)[]; isPrepared: boolean };
/** `chains`: the requests of a page that run in parallel; the statements of each run one after another. */
type Work = { url: string; chains: Statement[][]; connections: number; seconds: number };

/** Runs the statements of a page repeatedly, through the driver alone. */
async function select({ url, chains, connections, seconds }: Work): Promise<LoadResult> {
  // With our connection settings, because they affect Postgres' query plans.
  const { sql } = openDatabase(url, {
    maxConnections: connections * chains.length,
    applicationName: "gallery-bench",
  });
  const follow = async (chain: Statement[]) => {
    for (const { text, params, isPrepared } of chain) {
      await sql.unsafe(text, params, { prepare: isPrepared });
    }
  };
  const page = () => Promise.all(chains.map(follow));
  await Promise.all(Array.from({ length: connections }, page));
  const latencies: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  const work = async () => {
    while (performance.now() < endsAt) {
      const askedAt = performance.now();
      await page();
      latencies.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  const elapsed = (performance.now() - startedAt) / 1_000;
  await sql.end();
  return summarise(latencies, elapsed);
}

await answerScript(select);
