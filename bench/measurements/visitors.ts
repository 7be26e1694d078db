import { join } from "node:path";
import { shareCostly } from "../costly-originals";
import type { LoadResult } from "../latencies";
import type { MeasureOptions } from "../options";
import { paintPictures, writePictures } from "../pictures";
import { median } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const visitors = 30;
const uploadsARound = 6;
/** Each visitor makes at most two requests per second; the limit for one visitor is tested elsewhere. */
const pauseMs = 500;

type Owner = { reads: LoadResult; uploads: LoadResult };

/** The owner's latencies while visitors request one byte of crafted, costly originals. */
export async function measureVisitors(stack: BenchStack, options: MeasureOptions): Promise<Row[]> {
  const rounds = options.isShort ? 1 : 3;
  const seconds = options.isShort ? 4 : 12;
  const pictures = await paintPictures(uploadsARound);
  const shown = await writePictures(pictures, join(stack.folder, "owned"), "owned");
  const { ids } = await runScript<{ ids: string[] }>("load-upload", {
    url: stack.url,
    files: shown,
    atOnce: 2,
  });
  const reads = ["/api/v1/photos?limit=50", ...ids.map((id) => `/api/v1/photos/${id}/thumbnail`)];

  async function measureOwner(name: string): Promise<Owner> {
    const files = await writePictures(pictures, join(stack.folder, name), name);
    return runScript<Owner>("load-owner", { url: stack.url, reads, files, seconds });
  }

  const alone: Owner[] = [];
  const visited: Owner[] = [];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    alone.push(await measureOwner(`alone-${round}`));
    // New originals, for which nothing is cached.
    const paths = await shareCostly(stack, 4);
    const work = { url: stack.url, paths, visitors, seconds, pauseMs };
    const [owner, load] = await Promise.all([
      measureOwner(`visited-${round}`),
      runScript<{ perSecond: number }>("load-visitors", work),
    ]);
    visited.push(owner);
    rates.push(load.perSecond);
  }
  const p95 = (all: Owner[], of: keyof Owner) => median(all.map((owner) => owner[of].p95Ms));
  const row = (what: string, of: keyof Owner): Row => ({
    what: `${what} with ${visitors} visitors at costly originals, p95`,
    ours: p95(visited, of),
    unit: "ms",
    baseline: { what: "without them", value: p95(alone, of) },
    aim: { atMost: 2 },
  });
  return [
    row("the owner's list and thumbnails", "reads"),
    row("the owner's uploads", "uploads"),
    { what: "… responses to these visitors", ours: median(rates), unit: "/s" },
    ...(await measureTen(stack, measureOwner)),
  ];
}

/** Ten simultaneous requests for one byte of the same costly original. */
async function measureTen(
  stack: BenchStack,
  measureOwner: (name: string) => Promise<Owner>,
): Promise<Row[]> {
  const before = await measureOwner("before-ten");
  const [path] = await shareCostly(stack, 1);
  const owner = measureOwner("with-ten");
  const startedAt = performance.now();
  const ask = () => fetch(`${stack.url}${path}`, { headers: { range: "bytes=0-0" } });
  const answers = await Promise.all(Array.from({ length: 10 }, ask));
  const ms = performance.now() - startedAt;
  const failed = answers.find(({ status }) => status !== 206);
  if (failed) throw new Error(`one of ten requests failed: ${failed.status}`);
  return [
    { what: "ten requests at once for a byte of a JPEG of fill bytes", ours: ms, unit: "ms" },
    {
      what: "… the owner's list and thumbnails meanwhile, p50",
      ours: (await owner).reads.p50Ms,
      unit: "ms",
      baseline: { what: "without them", value: before.reads.p50Ms },
      aim: { atMost: 2 },
    },
  ];
}
