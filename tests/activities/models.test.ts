import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { findBackend } from "#db/queries/backends/backends";
import { modelColumns } from "#db/queries/models/availability";
import { resolveModels } from "#db/queries/models/model-lookup";
import { findModel, setModelFavorite, touchModel } from "#db/queries/models/models";
import { models } from "#db/schema/models";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";

let bench: ActivityBench;
beforeAll(async () => {
  bench = await createActivityBench();
});
afterAll(() => bench.close());

const sync = () => bench.run("syncModels", {});
const named = async (name: string) => {
  const rows = await bench.db.select(modelColumns()).from(models).where(eq(models.name, name));
  const row = rows.find(({ isAvailable }) => isAvailable) ?? rows[0];
  if (!row) throw new Error(`${name} was never seen`);
  return row;
};
/** The transaction that last wrote each row. */
const versions = () => bench.sql`select key, xmin::text as version from models order by key`;

test("models have their hash, base, format, variant, defaults and accepted parameters", async () => {
  expect(await named("Meadowlight v4")).toMatchObject({
    base: "sd-1",
    format: "diffusers",
    variant: "normal",
    defaults: { width: 512, steps: 24, own: expect.arrayContaining(["steps", "scheduler"]) },
    accepts: { maxClipSkip: 12, guidance: false, vaeBases: ["sd-1"], companions: [] },
  });
  expect(await named("Tidewater v2")).toMatchObject({ defaults: { width: 768 } });
  expect(await named("Harbour Quick")).toMatchObject({
    variant: "schnell",
    defaults: { steps: 4, cfgScale: 1 },
    accepts: { guidance: false, cfgScale: false },
  });
  expect(await named("Look in a folder for sd-1")).toMatchObject({
    imageEncoder: "InvokeAI/ip_adapter_sd_image_encoder",
  });
  const klein = await named("Klein Harbour 9B GGUF");
  expect(klein.accepts?.companions?.[0]).toMatchObject([
    { part: "vae", bases: ["flux2"] },
    { part: "qwen3Encoder", variants: ["qwen3_8b"] },
  ]);
  expect(await named("Refined XL")).toMatchObject({ defaults: null, accepts: null });
});

test("an unchanged list writes nothing but the time of the refresh", async () => {
  const [rows, before] = [await versions(), await findBackend(bench.db, "local")];
  expect(await sync()).toEqual({ modelsCount: rows.length });
  expect(await versions()).toEqual(rows);
  const after = await findBackend(bench.db, "local");
  expect(after!.modelsSyncedAt!.getTime()).toBeGreaterThan(before!.modelsSyncedAt!.getTime());
  // The digest covers this version's facts about bases: with another digest all rows are written again.
  await bench.sql`update backends set models_digest = 'of another version'`;
  await sync();
  expect(await versions()).not.toEqual(rows);
});

test("a model whose files are gone is not available, though InvokeAI lists it", async () => {
  const name = "XL Clear VAE";
  expect((await named(name)).isAvailable).toBe(true);
  await bench.simulator.control.loseModelFiles((await named(name)).key);
  await sync();
  expect((await named(name)).isAvailable).toBe(false);
});

test("of two concurrent refreshes neither overwrites a newer list with an older one", async () => {
  const { control } = bench.simulator;
  await control.addFault({ kind: "answer_held", route: "listModels", times: 1 });
  const slow = sync();
  await control.until(({ held }) => held.length === 1);
  const { key } = await named("Film Grain XL");
  await control.removeModel(key);
  await sync();
  await control.release();
  await slow;
  expect((await named("Film Grain XL")).isAvailable).toBe(false);
});

test("a removed model stays as unavailable; the same weights under a new key are found by the old key", async () => {
  const { control } = bench.simulator;
  const old = await named("Woodcut Lines");
  const key = await control.rekeyModel(old.key);
  await sync();
  expect(await findModel(bench.db, old.key)).toMatchObject({ isAvailable: false });
  const found = await resolveModels(bench.db, [
    { key: old.key },
    { key: "of another InvokeAI", hash: old.hash },
    { key: "never seen", hash: "blake3:of-nothing" },
  ]);
  expect([...found].map(([requested, model]) => [requested, model.key])).toEqual([
    [old.key, key],
    ["of another InvokeAI", key],
  ]);
});

test("a reinstalled model keeps its favourite mark and last use; a mark that was removed stays removed", async () => {
  const { control } = bench.simulator;
  const name = "Meadowlight v4";
  const first = await named(name);
  const usedAt = new Date("2026-05-01T10:00:00.000Z");
  await setModelFavorite(bench.db, { key: first.key, isFavorite: true });
  await bench.db.transaction((tx) => touchModel(tx, { key: first.key, now: usedAt }));
  await control.removeModel(first.key);
  await sync();
  // It is not reinstalled yet.
  expect(await named(name)).toMatchObject({ key: first.key, isFavorite: true, lastUsedAt: usedAt });

  const second = await control.rekeyModel(first.key);
  await sync();
  expect(await named(name)).toMatchObject({ key: second, isFavorite: true, lastUsedAt: usedAt });
  const favorites = await bench.db.select().from(models).where(eq(models.isFavorite, true));
  expect(favorites.map(({ key }) => key)).toEqual([second]);

  await setModelFavorite(bench.db, { key: second, isFavorite: false });
  const third = await control.rekeyModel(second);
  await sync();
  expect(await named(name)).toMatchObject({ key: third, isFavorite: false, lastUsedAt: usedAt });
});
