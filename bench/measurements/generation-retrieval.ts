import { availableParallelism } from "node:os";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import { sql } from "drizzle-orm";
import { originalKey } from "#media/storage/keys";
import { type ApiClient, createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { generationSessionId, stepRequested } from "#workflows/generation-session/contract";
import { openSession, runStep } from "../generation-steps";
import type { MeasureOptions } from "../options";
import { paintPictures } from "../pictures";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

type Step = { sessionId: string; stepId: string };
type Made = { id: string; name: string; bytes: number };

/** Fetches generated images, by their steps and then by runs of their own, against a plain download with sharp. */
export async function measureRetrieval(
  stack: BenchStack,
  { isShort }: MeasureOptions,
): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const { steps, images } = await makeImages(api, isShort ? 1 : 6);
  const megabytes = images.reduce((sum, { bytes }) => sum + bytes, 0) / 1_000_000;
  const urls = images.map(({ name }) => `${stack.simulatorUrl}/api/v1/images/i/${name}/full`);
  const { first, again, baseline } = await measureInTurn(isShort ? 1 : 5, {
    first: () => fetchFirst(stack, steps, images),
    again: () => fetchAgain(stack, api, images),
    baseline: () =>
      runScript<number>("baseline-retrieve", { urls, atOnce: Math.min(2, availableParallelism()) }),
  });
  const what = `retrieval of ${images.length} images of 1024², ${megabytes.toFixed(0)} MB`;
  const loop = { what: "plain download and sharp loop", value: megabytes / baseline };
  const unit = "MB/s";
  return [
    {
      what: `${what}, by their steps`,
      ours: megabytes / first,
      unit,
      baseline: loop,
      aim: { atLeast: 0.7 },
    },
    { what: "… again, each by a run of its own", ours: megabytes / again, unit, baseline: loop },
  ];
}

/** Based on a picture with grain: the simulator's own pictures are flat and a tenth of the size of a model's. */
export async function makeImages(
  api: ApiClient,
  amount: number,
): Promise<{ steps: Step[]; images: Made[] }> {
  const { key } = await chooseModel(api);
  const [picture] = await paintPictures(1);
  const form = new FormData();
  form.append("file", new File([new Uint8Array(picture!)], "hills.png", { type: "image/png" }));
  const source = await api.call<{ id: string }>("POST", "/photos", form);
  const size = { width: 1024, height: 1024 };
  const asked = { model_key: key, batch_size: 10, ...size, steps: 1, strength: 0.2 };
  const steps: Step[] = [];
  const images: Made[] = [];
  type Photo = { id: string; invoke_id: string; file_size: number };
  for (let made = 0; made < amount; made += 1) {
    const sessionId = await openSession(api, source.id);
    const { stepId } = await runStep(api, sessionId, asked);
    steps.push({ sessionId, stepId });
    const path = `/photos?session_id=${sessionId}&limit=100`;
    const { items } = await api.call<{ items: Photo[] }>("GET", path);
    images.push(
      ...items.map((photo) => ({ id: photo.id, name: photo.invoke_id, bytes: photo.file_size })),
    );
  }
  return { steps, images };
}

/**
 * Resets the steps and removes the files, as if the images had just been made.
 * @returns seconds
 */
async function fetchFirst(stack: BenchStack, steps: Step[], images: Made[]): Promise<number> {
  await forget(stack, images, "pending");
  const ids = steps.map(({ stepId }) => stepId);
  await stack.database.db.execute(
    sql`update steps set status = 'pending', started_at = null, completed_at = null where id in ${ids}`,
  );
  const startedAt = performance.now();
  await Promise.all(
    steps.map(({ sessionId, stepId }) =>
      stack.temporal.workflow
        .getHandle(generationSessionId(sessionId))
        .signal(stepRequested, { stepId }),
    ),
  );
  const seconds = await untilFetched(stack, images, startedAt);
  for (;;) {
    const [row] = await stack.database.db.execute<{ live: number }>(
      sql`select count(*)::int as live from steps where id in ${ids} and status <> 'completed'`,
    );
    if (row?.live === 0) return seconds;
    await Bun.sleep(20);
  }
}

/**
 * Marks each image as given up and removes its file, then retrieves all again.
 * @returns seconds
 */
export async function fetchAgain(
  stack: BenchStack,
  api: ApiClient,
  images: Made[],
): Promise<number> {
  await forget(stack, images, "failed");
  const startedAt = performance.now();
  await api.call("POST", "/photos/batch/retry", { ids: images.map(({ id }) => id) });
  return untilFetched(stack, images, startedAt);
}

async function forget(stack: BenchStack, images: Made[], status: string): Promise<void> {
  for (const { id } of images) {
    const key = originalKey({ kind: "generated", id, mimeType: "image/png" });
    await rm(join(stack.folder, "data", key), { force: true });
  }
  const ids = images.map(({ id }) => id);
  await stack.database.db.execute(
    sql`update photos set retrieval_status = ${status} where id in ${ids}`,
  );
}

async function untilFetched(stack: BenchStack, images: Made[], startedAt: number): Promise<number> {
  const { db } = stack.database;
  const ids = images.map(({ id }) => id);
  for (;;) {
    const [row] = await db.execute<{ left: number }>(
      sql`select count(*)::int as left from photos where id in ${ids} and retrieval_status <> 'completed'`,
    );
    if (row?.left === 0) return (performance.now() - startedAt) / 1_000;
    await Bun.sleep(20);
  }
}
