import { afterAll, afterEach, expect, test } from "bun:test";
import sharp from "sharp";
import { plain } from "#tests/fixtures/pictures";
import { createInvokeAiPage } from "#tests/support/invokeai-page";
import { startGallery } from "#tests/support/running-gallery";
import { askedSeeds, madeSeeds } from "#tests/support/seeds";
import { until } from "#tests/support/wait";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Json = Record<string, any>;

const started = await startGallery();
const { stack, gallery } = started;
let { worker } = started;
afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

const colours = { red: [200, 20, 20], green: [20, 180, 20], blue: [20, 20, 220] } as const;
const uploadColour = async ([r, g, b]: readonly number[], width: number): Promise<string> =>
  (await gallery.upload(await plain(width, 64, `rgb(${r}, ${g}, ${b})`).png().toBuffer()))["id"];
const red = await uploadColour(colours.red, 64);
const green = await uploadColour(colours.green, 72);
const blue = await uploadColour(colours.blue, 80);

const { items: models } = await until("models", async () => {
  const listed = await gallery.get("/models?type=main&limit=100");
  return listed.items.length > 0 && listed;
});
const modelOf = (base: string, role: string): string =>
  models.find(
    (each: Json) =>
      each.base === base && each.usable && each.references.some((one: Json) => one.role === role),
  ).key;

async function drawn(references: Json[], more: Json = {}): Promise<Json> {
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], {
    references,
    ...more,
    parameters: { batch_size: 1, width: 64, height: 64, ...more["parameters"] },
  });
  const done = await gallery.stepIs(step["id"], ["completed", "failed"]);
  expect([done["status"], done["error"]]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(step["id"], 1);
  const [image] = await gallery.photosOf(step["id"]);
  return image?.["photo"];
}

/** How far the average of a band of the photo is from a colour: the simulator shows each role in its own band. */
async function distance(photoId: string, band: number, colour: readonly number[]) {
  const original = await (await fetch(`${gallery.url}/api/v1/photos/${photoId}`)).arrayBuffer();
  const part = await sharp(original)
    .extract({ left: 0, top: band * 16, width: 64, height: 16 })
    .png()
    .toBuffer();
  const { channels } = await sharp(part).stats();
  return Math.max(...colour.map((value, at) => Math.abs(value - channels[at]!.mean)));
}

test("each picture arrives in its role, and the lineage says so", async () => {
  const photo = await drawn(
    [
      { image_id: red, role: "style" },
      { image_id: green, role: "composition" },
      { image_id: blue, role: "control", weight: 1 },
    ],
    { parameters: { model_key: modelOf("sd-1", "style") } },
  );
  for (const [band, colour] of [
    [1, colours.red],
    [2, colours.green],
    [3, colours.blue],
  ] as const) {
    expect(await distance(photo["id"], band, colour)).toBeLessThan(30);
  }
  const { edges } = await gallery.get(`/photos/${photo["id"]}/lineage`);
  expect(edges.map(({ from, role }: Json) => [from, role])).toEqual([
    [red, "style"],
    [green, "composition"],
    [blue, "control"],
  ]);
  expect(photo["references"]).toHaveLength(3);
}, 60_000);

test("bases with other adapters, or none, take their references, too", async () => {
  for (const [base, role, band] of [
    ["flux", "edit", 0],
    ["flux2", "edit", 0],
    ["qwen-image", "edit", 0],
    ["flux", "style", 1],
    ["flux", "control", 3],
    ["sdxl", "composition", 2],
    ["z-image", "control", 3],
  ] as const) {
    const weight = role === "edit" ? {} : { weight: 1 };
    const photo = await drawn([{ image_id: green, role, ...weight }], {
      parameters: { model_key: modelOf(base, role) },
    });
    const near = await distance(photo["id"], band, colours.green);
    expect([base, role, near < 30]).toEqual([base, role, true]);
  }
}, 120_000);

test("a worker killed while it draws with references draws each image once", async () => {
  const { control } = stack.invokeai;
  const before = await control.state();
  const [asked, made] = [askedSeeds(before).length, madeSeeds(before).length];
  const fault = await control.addFault({ kind: "answer_held", route: "enqueueBatch", times: 1 });
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], {
    references: [
      { image_id: red, role: "style" },
      { image_id: blue, role: "control" },
    ],
    parameters: { seed: 4_000, batch_size: 2, width: 64, height: 64 },
  });
  await control.until((state) => state.held.length === 1);
  await worker.kill();
  expect(await control.struck(fault)).toBe(1);
  await control.release();
  worker = await stack.startWorker();
  await gallery.stepIs(step["id"], ["completed"]);
  await gallery.allRetrieved(step["id"], 2);
  const after = await control.state();
  expect(askedSeeds(after).slice(asked)).toEqual([4_000, 4_001]);
  expect(madeSeeds(after).slice(made)).toEqual([4_000, 4_001]);
}, 90_000);

test("a photo is reproduced from its references after InvokeAI has lost the uploads", async () => {
  const photo = await drawn(
    [
      { image_id: red, role: "style", weight: 0.7 },
      { image_id: green, role: "control", preprocessor: "canny" },
    ],
    { parameters: { seed: 77 } },
  );
  expect(await createInvokeAiPage(stack.invokeai.url).deleteUploads()).toBeGreaterThan(0);
  expect(await gallery.reproduce(photo["id"])).toMatchObject({ verdict: "identical" });
}, 60_000);
