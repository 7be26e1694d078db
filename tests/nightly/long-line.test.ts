import { afterAll, expect, test } from "bun:test";
import { createGalleryClient } from "#tests/support/gallery";
import { required } from "#tests/support/environment";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { askedSeeds, madeSeeds } from "#tests/support/seeds";
import { startStack } from "#tests/support/stack";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";

const waiting = 20;
const target = new URL(required("TEST_DATABASE_URL"));

const temporal = await startTemporalServer();
const postgres = await startTcpProxy({ host: target.hostname, port: Number(target.port) });
const stack = await startStack({
  temporalAddress: temporal.address,
  databaseUrl: postgres.through,
});

afterAll(async () => {
  await stack.stop();
  await postgres.stop();
  await temporal.stop();
}, 60_000);

const { control } = stack.invokeai;

async function start() {
  const [api, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
  return { gallery: createGalleryClient(api.url), parts: [api, worker] };
}

/** The holder of the turn and the waiting steps, in the order of their requests. */
async function readLine(): Promise<string[]> {
  const rows = await stack.database.sql<{ id: string }[]>`
    select step_id as id from turns order by number`;
  return rows.map(({ id }) => id);
}

const sentSteps = async () =>
  (await control.state()).enqueues.map(({ batchId }) => batchId.slice(0, 36));

test("everything killed in the middle of a long line, then once more with the loss of Temporal's database: the order is kept, each step is generated once", async () => {
  let { gallery, parts } = await start();
  await control.holdStep();
  const request = async (seed: number) => {
    const session = await gallery.createSession();
    const parameters = { seed, batch_size: 1, steps: 1 };
    return (await gallery.requestStep(session.id, { parameters })).id as string;
  };
  const holder = await request(1_000);
  await control.until((state) => state.frozen !== null);
  for (let count = 0; count < waiting; count += 4) {
    await Promise.all([1, 2, 3, 4].map((each) => request(1_000 + count + each)));
  }
  const line = await until("all steps in the line", async () => {
    const seen = await readLine();
    return seen.length === waiting + 1 && seen;
  });
  expect(line[0]).toBe(holder);
  const last = line.at(-1)!;
  expect(await gallery.positionIs(last, waiting)).toMatchObject({ place_in_line: waiting });

  for (const [isLost, sent] of [
    [false, 6],
    [true, 14],
  ] as const) {
    await control.release();
    await control.until((state) => state.enqueues.length >= sent, 90_000);
    postgres.cut();
    await Promise.all([...parts.map((part) => part.kill()), temporal.kill()]);
    if (isLost) await temporal.deleteDatabase();
    const left = await readLine();
    expect(left).toEqual(line.slice(-left.length));
    await temporal.start();
    postgres.restore();
    ({ gallery, parts } = await start());
  }
  for (const stepId of line) await gallery.stepIs(stepId, ["completed"], 240_000);
  expect(await sentSteps()).toEqual(line);
  const seeds = Array.from({ length: waiting + 1 }, (_, index) => 1_000 + index);
  expect(askedSeeds(await control.state())).toEqual(seeds);
  expect(madeSeeds(await control.state())).toEqual(seeds);
  expect(await readLine()).toEqual([]);
}, 600_000);
