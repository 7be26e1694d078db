import postgres from "postgres";
import { answerScript } from "./script";

export type Statement = { text: string; params: (string | number | null)[] };
type Work = { url: string; statements: Statement[]; connections: number; seconds: number };

/** The statements of a page through the driver alone, as prepared ones. @returns pages a second */
async function select({ url, statements, connections, seconds }: Work): Promise<number> {
  const sql = postgres(url, { max: connections });
  const page = () =>
    Promise.all(statements.map(({ text, params }) => sql.unsafe(text, params, { prepare: true })));
  await Promise.all(Array.from({ length: connections }, page));
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  let pages = 0;
  const work = async () => {
    while (performance.now() < endsAt) {
      await page();
      pages += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  const elapsed = (performance.now() - startedAt) / 1_000;
  await sql.end();
  return pages / elapsed;
}

await answerScript(select);
