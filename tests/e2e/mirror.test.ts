import { afterAll, afterEach, expect, test } from "bun:test";
import { createInvokeAiPage, nextDrawing } from "#tests/support/invokeai-page";
import { listUnfinished } from "#tests/support/library";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// No look is due within a test unless InvokeAI announces a picture; all pictures are compared every second.
const started = await startGallery({
  // On a busy machine the mirror may be started by the reconcile run only.
  timings: { mirrorCheckMs: 60_000, mirrorCompareMs: 1_000, reconcileEveryMs: 2_000 },
});
const { stack, gallery } = started;
let { worker } = started;
const page = createInvokeAiPage(stack.invokeai.url);

afterEach(async () => {
  await mirror("off");
  await stack.invokeai.control.clearFaults();
});
afterAll(() => stack.stop(), 60_000);

type Photo = { id: string; filename: string } & Record<string, any>;

const mirror = (value: unknown) => gallery.patch("/settings", { backend: { mirror: value } });
const status = () => gallery.get("/backend/mirror");

async function photos(): Promise<Photo[]> {
  return (await gallery.get("/photos?limit=100")).items;
}

/** Waits for the photos of these pictures, and returns them in this order. */
const photosFor = (names: string[]) =>
  until(`photos of ${names.length} pictures`, async () => {
    const all = new Map((await photos()).map((photo) => [photo.filename, photo]));
    const found = names.flatMap((name) => all.get(name) ?? []);
    return found.length === names.length && found;
  });

/** Waits until all pictures were compared once more from now on. */
async function compared(): Promise<void> {
  const before = Date.now();
  await until("a comparison of all pictures", async () => {
    const { compared_at: at } = await status();
    // The one that is under way may have listed them before.
    return at !== undefined && Date.parse(at) > before + 1_500;
  });
}

/** How many photos there are of each of these pictures. */
async function amountsOf(names: string[]): Promise<number[]> {
  const filenames = (await photos()).map(({ filename }) => filename);
  return names.map((name) => filenames.filter((each) => each === name).length);
}

const albumsNamed = async (name: string): Promise<{ id: string; photo_count: number }[]> =>
  (await gallery.get("/albums?limit=100")).items.filter(
    (album: { name: string }) => album.name === name,
  );

test("pictures of InvokeAI's page come in with their bytes, prompt, star and board, those of our own steps do not", async () => {
  const board = await page.makeBoard("Windmills");
  const [before] = await page.draw([nextDrawing("a windmill at dawn")], board);
  await page.star(before!);
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], { parameters: { batch_size: 2 } });
  await gallery.stepIs(step["id"], ["completed"]);
  await gallery.allRetrieved(step["id"], 2);

  await mirror("all");
  const [old] = await photosFor([before!]);
  const [made] = await page.draw([nextDrawing("a windmill at dusk")]);
  const [fresh] = await photosFor([made!]);

  expect(old).toMatchObject({ is_generated: false, is_favorite: true });
  expect(fresh).toMatchObject({
    is_generated: false,
    is_favorite: false,
    generation_metadata: { prompt: "a windmill at dusk", seed: 5 },
  });
  const original = await fetch(`${gallery.url}/api/v1/photos/${fresh!.id}`, {
    headers: { accept: "image/*" },
  });
  expect(Buffer.from(await original.bytes())).toEqual(Buffer.from(await page.bytesOf(made!)));
  await compared();
  expect(await albumsNamed("Windmills")).toMatchObject([{ photo_count: 1 }]);
  const all = await photos();
  const amountOf = (isGenerated: boolean) =>
    all.filter((photo) => photo["is_generated"] === isGenerated).length;
  expect([amountOf(true), amountOf(false)]).toEqual([2, 2]);
  expect(await status()).toMatchObject({ is_on: true, taken: 2, own: 0, waiting: 0 });
}, 60_000);

test("a changed star or board over there changes favourite and album here; a renamed board renames the album that kept its name", async () => {
  const [north, south] = [await page.makeBoard("North"), await page.makeBoard("South")];
  const [name] = await page.draw([nextDrawing()], north);
  await mirror("all");
  const [photo] = await photosFor([name!]);
  await page.star(name!);
  await page.putOnBoard(name!, south);
  await page.renameBoard(north, "Far north");
  await until("a photo that has moved", async () => {
    const [album] = await albumsNamed("South");
    const [other] = await albumsNamed("Far north");
    const { is_favorite: isFavorite } = (await photosFor([name!]))[0]!;
    return album?.photo_count === 1 && other?.photo_count === 0 && isFavorite;
  });
  // What the owner changes here stays until the next change there.
  await gallery.patch(`/photos/${photo!.id}`, { is_favorite: false });
  const [album] = await albumsNamed("South");
  await gallery.patch(`/albums/${album!.id}`, { name: "My south" });
  await page.renameBoard(south, "Deep south");
  await compared();
  expect((await photosFor([name!]))[0]!.is_favorite).toBe(false);
  expect(await albumsNamed("My south")).toHaveLength(1);
  // A board that is deleted there empties no album.
  await page.deleteBoard(south);
  await compared();
  expect(await albumsNamed("My south")).toMatchObject([{ photo_count: 1 }]);
}, 60_000);

test("only the chosen boards are mirrored, also after they were renamed", async () => {
  const [wanted, other] = [await page.makeBoard("Wanted"), await page.makeBoard("Other")];
  const [theirs] = await page.draw([nextDrawing()], other);
  const [ours] = await page.draw([nextDrawing()], wanted);
  await mirror({ boards: ["Wanted"] });
  await photosFor([ours!]);
  await compared();
  await page.renameBoard(wanted, "Renamed");
  await compared();
  const [later] = await page.draw([nextDrawing()], wanted);
  await photosFor([later!]);
  expect(await amountsOf([theirs!])).toEqual([0]);
  await mirror({ boards: ["Wanted", "Other"] });
  await photosFor([theirs!]);
}, 60_000);

test("a picture that was deleted here for good does not come again, one that is deleted there stays, and one that was uploaded here is known", async () => {
  const [gone, kept, uploaded] = await page.draw([nextDrawing(), nextDrawing(), nextDrawing()]);
  await gallery.upload(await page.bytesOf(uploaded!), "mine.png");
  await mirror("all");
  const [photo] = await photosFor([gone!, kept!]);
  for (const query of ["", "?permanent=true"]) {
    await fetch(`${gallery.url}/api/v1/photos/${photo!.id}${query}`, { method: "DELETE" });
  }
  await page.delete(kept!);
  await compared();
  expect(await amountsOf([gone!, kept!, uploaded!, "mine.png"])).toEqual([0, 1, 0, 1]);
  expect((await status()).known).toBe(1);
}, 60_000);

test("a worker that is killed amid many pictures goes on, and takes each once, as it does after InvokeAI was wiped", async () => {
  const drawings = Array.from({ length: 60 }, () => nextDrawing());
  const names = await page.draw(drawings);
  await mirror("all");
  await until("some photos", async () => (await status()).taken > 10);
  await worker.kill();
  worker = await stack.startWorker();
  await photosFor(names);
  await stack.invokeai.control.wipe();
  const [fresh] = await page.draw([nextDrawing()]);
  await photosFor([fresh!]);
  await compared();
  expect(new Set(await amountsOf([...names, fresh!]))).toEqual(new Set([1]));
  // Thumbnails and previews that were being written have no photo's id in their name; a sweep removes them.
  const originals = (await listUnfinished(stack.dataDir)).filter((path) =>
    /\/[\da-f-]{36}\.[\da-f-]{36}\.part$/.test(path),
  );
  expect(originals).toEqual([]);
}, 120_000);

test("a wiped InvokeAI takes nothing away here: albums, favourites and deletions stay", async () => {
  const board = await page.makeBoard("Harbour");
  const [kept, gone] = await page.draw([nextDrawing(), nextDrawing()], board);
  await page.star(kept!);
  await mirror("all");
  const [, photo] = await photosFor([kept!, gone!]);
  for (const query of ["", "?permanent=true"]) {
    await fetch(`${gallery.url}/api/v1/photos/${photo!.id}${query}`, { method: "DELETE" });
  }
  await stack.invokeai.control.wipe();
  const [fresh] = await page.draw([nextDrawing()]);
  await photosFor([fresh!]);
  await compared();
  expect(await amountsOf([kept!, gone!, fresh!])).toEqual([1, 0, 1]);
  expect((await photosFor([kept!]))[0]!["is_favorite"]).toBe(true);
  expect(await albumsNamed("Harbour")).toMatchObject([{ photo_count: 1 }]);
}, 60_000);

test("a picture whose file is half written is taken when it is whole, and an InvokeAI that is away is waited for", async () => {
  await mirror("all");
  await compared();
  await stack.invokeai.control.holdStep({ step: "half_written" });
  const before = new Set(await page.names());
  await page.enqueue(nextDrawing());
  const name = await until("a listed picture", async () =>
    (await page.names()).find((each) => !before.has(each)),
  );
  await compared();
  expect(await amountsOf([name])).toEqual([0]);
  await stack.invokeai.control.release();
  await photosFor([name]);
  expect((await status()).refused).toEqual([]);

  await stack.invokeai.control.addFault({ kind: "status_500_json", route: "imageNames" });
  expect(await until("a fault", async () => (await status()).fault)).toContain("InvokeAI");
  await stack.invokeai.control.clearFaults();
  await until("no fault", async () => (await status()).fault === undefined);
}, 60_000);

test("a picture that InvokeAI cannot send keeps no other away, is named, and comes once it can be sent", async () => {
  const before = new Set(await page.names());
  for (let at = 0; at < 12; at += 1) await page.enqueue(nextDrawing());
  const drawn = await until("listed pictures", async () => {
    const fresh = (await page.names()).filter((each) => !before.has(each));
    return fresh.length === 12 && fresh;
  });
  const [unsent, ...others] = drawn as [string, ...string[]];
  await stack.invokeai.control.addFault({
    kind: "status_500_text",
    route: "imageFull",
    urlIncludes: unsent,
  });
  await mirror("all");
  await photosFor(others);
  expect(await until("a fault", async () => (await status()).fault)).toContain(unsent);
  expect(await amountsOf([unsent])).toEqual([0]);
  await stack.invokeai.control.clearFaults();
  await photosFor([unsent]);
  await until("no fault", async () => (await status()).fault === undefined);
}, 60_000);
