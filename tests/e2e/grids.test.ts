import { afterAll, afterEach, expect, test } from "bun:test";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, gallery, ...first } = await startGallery();
let { worker } = first;

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

const sentSteps = async () =>
  (await stack.invokeai.control.state()).enqueues.map(({ batchId }) => batchId.slice(0, 36));

async function requestGrid(seeds: number[]) {
  const { key } = await gallery.firstModel();
  const parameters = { model_key: key, width: 128, height: 128, steps: 4 };
  return gallery.post("/generation/grids", {
    axes: [
      { field: "parameters.seed", values: seeds },
      { field: "prompt", values: ["a {red|blue} boat", "a hill"] },
    ],
    step: { expand: true, parameters },
  });
}

test("a grid whose worker is killed twice has one image in each cell, each generated once", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const { id } = await requestGrid([11, 12]);
  for (const amount of [1, 2]) {
    await control.until((state) => state.frozen !== null && state.enqueues.length === amount);
    await worker.kill();
    await control.holdStep();
    await control.release();
    worker = await stack.startWorker();
  }
  await control.until((state) => state.frozen !== null && state.enqueues.length === 3, 60_000);
  await control.release();
  const grid = await until("all cells", async () => {
    const shown = await gallery.get(`/generation/grids/${id}`);
    return shown.counts.completed === 4 ? shown : undefined;
  });
  const cells: any[] = grid.cells.flat();
  expect(await sentSteps()).toEqual(cells.map(({ step_id }) => step_id));
  expect(cells.map(({ seeds }) => seeds)).toEqual([[11], [12], [11], [12]]);
  const { generated } = await control.state();
  expect(generated.map(({ seed }) => seed)).toEqual([11, 12, 11, 12]);
  for (const { images } of cells) expect(images).toHaveLength(1);
}, 120_000);

test("a cancelled grid sends nothing more, and keeps the images that exist", async () => {
  const { control } = stack.invokeai;
  const before = (await sentSteps()).length;
  await control.holdStep();
  const { id } = await requestGrid([21, 22]);
  await control.until((state) => state.frozen !== null);
  await gallery.post(`/generation/grids/${id}/cancel`);
  const grid = await until("all cells", async () => {
    const shown = await gallery.get(`/generation/grids/${id}`);
    return shown.counts.cancelled === 4 ? shown : undefined;
  });
  expect(grid.counts).toMatchObject({ cancelled: 4 });
  expect((await sentSteps()).length).toBe(before + 1);
}, 60_000);
