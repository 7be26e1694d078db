import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createApiClient } from "#stack/demo/client";
import type { MeasureOptions } from "../options";
import { paintPictures, writePictures } from "../pictures";
import { createProcessorLimits } from "../processor-limit";
import { median } from "../rounds";
import type { BenchStack } from "../stack";
import type { Row } from "../table";
import { fetchAgain, makeImages } from "./generation-retrieval";
import { importFolder } from "./library-import";

/** Of one processor, for each worker: three of them fit on two processors beside the services. */
const share = 0.5;
const most = 3;
/** Imported at once: each is walked by one worker at a time. */
const folders = 6;
const filesEach = 20;

/** Retrieval and import with one, two and three workers of the same small size. */
export async function measureWorkers(
  stack: BenchStack,
  { isShort }: MeasureOptions,
): Promise<Row[]> {
  const rounds = isShort ? 1 : 3;
  await using limits = createProcessorLimits();
  const api = createApiClient(stack.url, {});
  const { images } = await makeImages(api, isShort ? 1 : 6);
  const pictures = await paintPictures(filesEach);
  const seconds = { retrieval: [] as number[], import: [] as number[] };
  await limits.limit(stack.worker.pid, share);
  for (let workers = 1; workers <= most; workers += 1) {
    if (workers > 1) await limits.limit((await stack.startWorker(workers)).pid, share);
    // The first pictures include the cost of the process's start.
    await fetchAgain(stack, api, images);
    const seen = { retrieval: [] as number[], import: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      seen.retrieval.push(await fetchAgain(stack, api, images));
      seen.import.push(await importAll(stack, pictures, `${workers}-${round}`));
    }
    seconds.retrieval.push(median(seen.retrieval));
    seconds.import.push(median(seen.import));
  }
  const files = folders * filesEach;
  return [
    ...rowsOf(`retrieval of ${images.length} images of 1024²`, images.length, seconds.retrieval),
    ...rowsOf(`import of ${files} files in ${folders} folders at once`, files, seconds.import),
  ];
}

function rowsOf(what: string, amount: number, seconds: number[]): Row[] {
  const [alone = 0] = seconds;
  return seconds.flatMap((its, index): Row[] => {
    const name = index === 0 ? "1 worker" : `${index + 1} workers`;
    const row = { what: `${what}, ${name} of ${share} processors`, ours: amount / its, unit: "/s" };
    const baseline = { what: "1 worker", value: amount / alone };
    return [index === 0 ? row : { ...row, baseline }];
  });
}

/** @returns seconds */
async function importAll(stack: BenchStack, pictures: Buffer[], name: string): Promise<number> {
  const root = join(stack.folder, `workers-${name}`);
  const paths = Array.from({ length: folders }, (_, index) => join(root, `${index}`));
  await mkdir(root);
  for (const [index, path] of paths.entries()) {
    await writePictures(pictures, path, `${name}-${index}`);
  }
  const startedAt = performance.now();
  await Promise.all(paths.map((path) => importFolder(stack, path)));
  const seconds = (performance.now() - startedAt) / 1_000;
  await rm(root, { recursive: true });
  return seconds;
}
