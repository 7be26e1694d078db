import { availableParallelism } from "node:os";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import { sql } from "drizzle-orm";
import { originalKey } from "#media/keys";
import { type ApiClient, createApiClient } from "#dev/demo/client";
import { chooseModel } from "#dev/demo/steps";
import { openSession, runStep } from "../generation-steps";
import type { MeasureOptions } from "../options";
import { paintPictures } from "../pictures";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

type Made = { id: string; name: string; bytes: number };

/** Fetching images that are made already, from the order to the last row, beside a bare download and sharp. */
export async function measureRetrieval(
  stack: BenchStack,
  { isShort }: MeasureOptions,
): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const images = await makeImages(api, isShort ? 1 : 6);
  const megabytes = images.reduce((sum, { bytes }) => sum + bytes, 0) / 1_000_000;
  const urls = images.map(({ name }) => `${stack.simulatorUrl}/api/v1/images/i/${name}/full`);
  const { ours, bare } = await measureInTurn(isShort ? 1 : 5, {
    ours: () => fetchAgain(stack, api, images),
    bare: () =>
      runScript<number>("bare-retrieve", { urls, atOnce: Math.min(2, availableParallelism()) }),
  });
  return [
    {
      what: `retrieval of ${images.length} images of 1024², ${megabytes.toFixed(0)} MB`,
      ours: megabytes / ours,
      unit: "MB/s",
      beside: { what: "bare download and sharp loop", value: megabytes / bare },
      aim: { atLeast: 0.6 },
    },
  ];
}

/** Drawn over a picture with grain: what the simulator draws alone is flat, and weighs a tenth of what a model's does. */
async function makeImages(api: ApiClient, steps: number): Promise<Made[]> {
  const { key } = await chooseModel(api);
  const [picture] = await paintPictures(1);
  const form = new FormData();
  form.append("file", new File([new Uint8Array(picture!)], "hills.png", { type: "image/png" }));
  const source = await api.call<{ id: string }>("POST", "/photos", form);
  const session = await openSession(api, source.id);
  const size = { width: 1024, height: 1024 };
  const asked = { model_key: key, batch_size: 10, ...size, steps: 1, strength: 0.2 };
  for (let step = 0; step < steps; step += 1) await runStep(api, session, asked);
  type Photo = { id: string; invoke_id: string; file_size: number };
  const { items } = await api.call<{ items: Photo[] }>(
    "GET",
    `/photos?session_id=${session}&limit=100`,
  );
  return items.map((photo) => ({ id: photo.id, name: photo.invoke_id, bytes: photo.file_size }));
}

/** As if each had been given up: the rows say so, and no file is there. @returns seconds */
async function fetchAgain(stack: BenchStack, api: ApiClient, images: Made[]): Promise<number> {
  const ids = images.map(({ id }) => id);
  for (const id of ids) {
    const key = originalKey({ kind: "generated", id, mimeType: "image/png" });
    await rm(join(stack.folder, "data", key), { force: true });
  }
  const { db } = stack.database;
  await db.execute(sql`update photos set retrieval_status = 'failed' where id in ${ids}`);
  const startedAt = performance.now();
  await api.call("POST", "/photos/batch/retry", { ids });
  for (;;) {
    const [row] = await db.execute<{ left: number }>(
      sql`select count(*)::int as left from photos where id in ${ids} and retrieval_status <> 'completed'`,
    );
    if (row?.left === 0) return (performance.now() - startedAt) / 1_000;
    await Bun.sleep(20);
  }
}
