import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { putInForce } from "#db/queries/backends/in-force";
import { findWaits } from "#db/queries/line/line";
import { askForTurn, openTurns, releaseTurn } from "#db/queries/line/turns";
import { syncModels } from "#db/queries/models/model-sync";
import { findModelsSyncedAt } from "#db/queries/models/models";
import { findNewestRequest } from "#db/queries/pods/demand";
import { type GenerationMetadata, photos } from "#db/schema/photos";
import type { StepParameters } from "#db/schema/steps";
import { createTestDatabase } from "#tests/support/database";
import { insertStep } from "#tests/support/pod-rows";
import { companions } from "#generation-parameters";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => (database = await createTestDatabase()));
afterAll(() => database.drop());

const now = new Date();
const volume = "volume:a";

/** Writes the list of a place's models; a model's hash is `hash of <name>`. */
async function read(place: string, models: { key: string; name: string; type?: string }[]) {
  const { db } = database;
  const found = await findModelsSyncedAt(db, place);
  const seen = models.map(({ key, name, type = "main" }) => ({
    key,
    name,
    type,
    hash: `hash of ${name}`,
    base: "sd-1",
    format: "diffusers",
    variant: null,
    description: null,
    imageEncoder: null,
    defaults: null,
    accepts: null,
  }));
  const at = new Date((found?.getTime() ?? now.getTime()) + 1);
  const digest = JSON.stringify(models);
  expect(await syncModels(db, { backend: place, seen, digest, found, now: at })).toBe(true);
}

async function putReady(place: string): Promise<void> {
  const { db, sql } = database;
  await db.transaction((tx) => putInForce(tx, place));
  await sql`update backends set connected = true, ready = true, checked_at = now() where ref = ${place}`;
}

const meadow = { key: "m1", name: "Meadow" };
const harbour = { key: "h1", name: "Harbour" };
const lora = { key: "l1", name: "Ink", type: "lora" };

beforeEach(async () => {
  await database.sql`delete from turns`;
  await database.sql`delete from sessions`;
  await read("local", [meadow, harbour, lora]);
  await read(volume, [{ ...harbour, key: "h2" }]);
  await putReady("local");
});

/** A step in the line for a model; returns its id with what it was answered. */
async function ask(model: { key: string; name: string }, more: Partial<StepParameters> = {}) {
  const { id } = await insertStep(database.db, {
    modelKey: model.key,
    modelHash: `hash of ${model.name}`,
    modelName: model.name,
    parameters: { width: 64, height: 64, steps: 4, modelKey: model.key, ...more } as StepParameters,
  });
  return { id, ...(await askAgain({ stepId: id })) };
}

async function askAgain(owner: { stepId: string } | { photoId: string }) {
  const asked = await askForTurn(database.db, {
    owner,
    checkedSince: new Date(0),
    now,
    timeZone: "UTC",
  });
  const { turn, position, lacks } = asked!;
  return { place: turn.backend, position, lacks };
}

const grant = async (place: string) =>
  (await openTurns(database.db, { backend: place, ready: true, now }))[0];

test("a step whose model the place in force lacks waits and says for which; those behind it get their turns", async () => {
  await putReady(volume);
  const waiting = await ask(meadow);
  expect(waiting).toMatchObject({ place: null, position: null, lacks: "Meadow" });
  // The same weights under another key.
  const second = await ask(harbour);
  expect(second).toMatchObject({ place: volume, lacks: null });
  const third = await ask(harbour);
  expect(third).toMatchObject({ place: null, position: 1, lacks: null });
  const waits = await findWaits(database.db);
  expect(waits.get(waiting.id)).toMatchObject({ position: null, lacks: "Meadow", expected: null });
  expect(waits.get(third.id)).toMatchObject({ position: 1, lacks: null });
  const next = await releaseTurn(database.db, { owner: { stepId: second.id }, now });
  expect(next?.stepId).toBe(third.id);
});

test("it gets its turn first once the model is there, or the other place is in force again", async () => {
  await putReady(volume);
  const waiting = await ask(meadow);
  const behind = await ask(meadow);
  expect(await grant(volume)).toBeUndefined();
  await read(volume, [meadow]);
  expect((await grant(volume))?.stepId).toBe(waiting.id);
  await releaseTurn(database.db, { owner: { stepId: waiting.id }, now });
  await releaseTurn(database.db, { owner: { stepId: behind.id }, now });

  await read(volume, [harbour]);
  const other = await ask(meadow);
  expect(await grant(volume)).toBeUndefined();
  await putReady("local");
  expect((await grant("local"))?.stepId).toBe(other.id);
});

test("VAE, encoders and LoRAs count as well as the model", async () => {
  await putReady(volume);
  const loras = [{ modelKey: lora.key, weight: 1 }];
  expect(await ask(harbour, { loras })).toMatchObject({ place: null, lacks: "Ink" });
  for (const name of ["vaeKey", ...companions.map(({ field }) => field)] as const) {
    expect(await ask(harbour, { [name]: "unseen" })).toMatchObject({ lacks: "unseen" });
  }
});

test("at a place whose models were never read nothing is lacking", async () => {
  await putReady("volume:new");
  expect(await ask(meadow)).toMatchObject({ place: "volume:new", lacks: null });
});

test("a step that waits for a model is no reason to rent or keep a pod; pods without a volume share one list", async () => {
  const { db } = database;
  await read("remote", [harbour]);
  await putReady("remote");
  const { id } = await ask(meadow);
  expect(await findNewestRequest(db, "remote")).toBeNull();
  expect(await findNewestRequest(db, `pod:${id}`)).toBeNull();
  await ask(harbour);
  expect(await findNewestRequest(db, `pod:${id}`)).toEqual(now);
});

test("a reproduction waits for a model that another place has; one that is gone everywhere does not", async () => {
  const add = async (model: { key: string; name: string }) => {
    const photoId = crypto.randomUUID();
    const made = { modelKey: model.key, modelHash: `hash of ${model.name}`, modelName: model.name };
    await database.db.insert(photos).values({
      id: photoId,
      kind: "generated",
      filename: "a.png",
      retrievalStatus: "pending",
      backend: "local",
      invokeId: photoId,
      generation: made as GenerationMetadata,
    });
    return { photoId };
  };
  await putReady(volume);
  const waiting = await add(meadow);
  expect(await askAgain(waiting)).toMatchObject({ place: null, lacks: "Meadow" });
  const gone = await add({ key: "gone", name: "Gone" });
  expect(await askAgain(gone)).toMatchObject({ place: volume, lacks: null });
  await releaseTurn(database.db, { owner: gone, now });
  await putReady("local");
  expect((await grant("local"))?.photoId).toBe(waiting.photoId);
});
