import { afterAll, expect, test } from "bun:test";
import { and, asc, eq } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { insertModel, insertPhoto, unreceived } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const model = await insertModel(db);
await api.call("POST", "/wordlists", { name: "weather", entries: ["fog", "{light|heavy} rain"] });

async function request(body: object, parameters: object = {}): Promise<[number, Body]> {
  const [, session] = await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
  return api.call("POST", `/generation/sessions/${session.id}/steps`, {
    prompt: "a {red|blue|green} boat in __weather__",
    parameters: { model_key: model.key, batch_size: 10, seed: 4_294_967_290, ...parameters },
    ...body,
  });
}

const faultsOf = ([status, answer]: [number, Body]) => [status, answer.error.details.errors];

test("the prompts of an expanded step are chosen by the seed of each image, and kept beside the template", async () => {
  const negative = "blur {x|y}";
  const [status, step] = await request({ expand: true, negative_prompt: negative });
  expect([status, step.prompt, step.negative_prompt]).toEqual([
    202,
    "a {red|blue|green} boat in __weather__",
    negative,
  ]);
  const made: Body[] = step.expanded_prompts;
  expect(made.map(({ seed }) => seed)).toEqual(step.seeds);
  for (const { prompt, negative_prompt } of made) {
    expect(prompt).toMatch(/^a (red|blue|green) boat in (fog|(light|heavy) rain)$/);
    expect(negative_prompt).toMatch(/^blur [xy]$/);
  }
  expect(new Set(made.map(({ prompt }) => prompt)).size).toBeGreaterThan(2);
  // Each image alone, from its seed, has the same prompts.
  for (const { seed, ...prompts } of made.slice(0, 7)) {
    const [, alone] = await request(
      { expand: true, negative_prompt: negative },
      { seed, batch_size: 1 },
    );
    expect(alone.expanded_prompts).toEqual([{ seed, ...prompts }]);
  }
});

test("without expand braces and underscores are sent as they are", async () => {
  const [status, step] = await request({ prompt: "a {red} __unknown__ {" });
  expect([status, step.prompt, step.expanded_prompts]).toEqual([
    202,
    "a {red} __unknown__ {",
    undefined,
  ]);
});

test("a changed or deleted list does not change the prompts of a step, also when it is retried", async () => {
  await api.call("POST", "/wordlists", { name: "mood", entries: ["calm"] });
  const [, step] = await request({ prompt: "a __mood__ sea", expand: true });
  await api.call("PATCH", "/wordlists/mood", { entries: ["wild"] });
  await api.call("DELETE", "/wordlists/mood");
  await db
    .update(steps)
    .set({ status: "failed", completedAt: new Date() })
    .where(eq(steps.id, step.id));
  const [status, again] = await api.call("POST", `/generation/steps/${step.id}/retry`);
  expect(status).toBe(202);
  expect(again.expanded_prompts[0].prompt).toBe("a calm sea");
});

test.each([
  [{ prompt: "a {red" }, "prompt"],
  [{ prompt: "__nothing__" }, "prompt"],
  [{ negative_prompt: "{x|__nothing__}" }, "negative_prompt"],
  [{ prompt: "{ | }" }, "prompt"],
])("an expanded step with %j is refused before anything is queued", async (body, path) => {
  const before = await db.$count(steps);
  const [status, errors] = faultsOf(await request({ expand: true, ...body }));
  expect([status, errors.map((fault: Body) => fault.path)]).toEqual([400, [path]]);
  expect(await db.$count(steps)).toBe(before);
});

test("an exported session brings templates and final prompts along", async () => {
  const [, step] = await request(
    { expand: true, negative_prompt: "{x|y}" },
    { batch_size: 2, seed: 5 },
  );
  const own = await db
    .select()
    .from(slots)
    .where(eq(slots.stepId, step.id))
    .orderBy(asc(slots.index));
  for (const slot of own) {
    const photo = await insertPhoto(db, {
      ...unreceived,
      sessionId: step.session_id,
      stepId: step.id,
      slotIndex: slot.index,
      retrievalStatus: "failed",
      generation: {
        prompt: slot.prompt!,
        negativePrompt: slot.negativePrompt!,
        promptTemplate: step.prompt,
        negativeTemplate: step.negative_prompt,
        seed: slot.seed,
        modelHash: model.hash,
      },
    });
    await db
      .update(slots)
      .set({ photoId: photo.id, status: "filled" })
      .where(and(eq(slots.stepId, step.id), eq(slots.index, slot.index)));
  }
  await db
    .update(steps)
    .set({ status: "completed", completedAt: new Date() })
    .where(eq(steps.id, step.id));
  await api.call("PATCH", `/generation/sessions/${step.session_id}`, { status: "completed" });
  const path = `/api/v1/generation/sessions/${step.session_id}/export`;
  const archive = await (await api.request(path)).blob();

  const other = await createTestApi();
  try {
    const form = new FormData();
    form.set("file", archive, "session.zip");
    const imported = await other.request("/api/v1/generation/sessions/import", {
      method: "POST",
      body: form,
    });
    expect([imported.status, await imported.text()]).toMatchObject([201, expect.anything()]);
    const [, there] = await other.call("GET", `/generation/steps/${step.id}`);
    expect(there.prompt).toBe(step.prompt);
    expect(there.expanded_prompts).toEqual(step.expanded_prompts);
    const rows = await other.deps.database.db.select().from(photos).orderBy(asc(photos.slotIndex));
    const before = await db
      .select()
      .from(photos)
      .where(eq(photos.stepId, step.id))
      .orderBy(asc(photos.slotIndex));
    expect(rows.map(({ generation }) => generation)).toEqual(
      before.map(({ generation }) => ({ ...generation, loras: [] })),
    );
  } finally {
    await other.close();
  }
});
