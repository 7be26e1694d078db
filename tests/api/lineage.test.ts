import { afterAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { insertModel, insertPhoto } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const modelKey = (await insertModel(db)).key;

const lineageOf = async (id: string): Promise<Body> => {
  const response = await api.request(`/api/v1/photos/${id}/lineage`);
  expect(response.status).toBe(200);
  return response.json();
};

async function post(path: string, body: object): Promise<Body> {
  const [status, answer] = await api.call("POST", `/generation${path}`, body);
  expect(status).toBeLessThan(300);
  return answer;
}

/** A step as its workflow would leave it, with this number of images. */
async function makeStep(sessionId: string, prompt: string, images: number, more: object = {}) {
  const step = await post(`/sessions/${sessionId}/steps`, {
    prompt,
    parameters: { model_key: modelKey, batch_size: images, seed: 1 },
    ...more,
  });
  const [row] = await db.select().from(steps).where(eq(steps.id, step.id));
  const ids: string[] = [];
  for (let index = 0; index < images; index += 1) {
    const photo = await insertPhoto(db, {
      kind: "generated",
      sessionId,
      stepId: step.id,
      slotIndex: index,
      sourceImageId: row!.sourceImageId,
      generation: { prompt, seed: 1 + index },
    });
    ids.push(photo.id);
  }
  await db.update(slots).set({ status: "filled" }).where(eq(slots.stepId, step.id));
  await db
    .update(steps)
    .set({ status: "completed", completedAt: new Date() })
    .where(eq(steps.id, step.id));
  return { id: step.id as string, ids };
}

test("the tree is complete from each of its photos, with the changes on each edge", async () => {
  const upload = await insertPhoto(db);
  await insertPhoto(db);
  const session = await post("/sessions", {
    entry_type: "refinement",
    source_image_id: upload.id,
  });
  const first = await makeStep(session.id, "a harbour", 2);
  const [chosen = "", other = ""] = first.ids;
  await post(`/steps/${first.id}/select`, { image_id: chosen });
  const second = await makeStep(session.id, "a harbour at night", 1, { parent_id: first.id });
  const [last = ""] = second.ids;
  const variation = await insertPhoto(db, { kind: "generated", sessionId: session.id });

  const tree = await lineageOf(last);
  const of = (stepId: string) => ({ session_id: session.id, step_id: stepId, purged: false });
  expect(tree.nodes).toEqual([
    { photo_id: upload.id, role: "origin", purged: false },
    { photo_id: chosen, role: "selected", ...of(first.id) },
    { photo_id: other, role: "alternative", ...of(first.id) },
    { photo_id: last, role: "alternative", ...of(second.id) },
    { photo_id: variation.id, role: "alternative", session_id: session.id, purged: false },
  ]);
  expect(tree.edges).toEqual([
    { from: upload.id, to: chosen, kind: "img2img", changed: {} },
    { from: upload.id, to: other, kind: "img2img", changed: {} },
    {
      from: chosen,
      to: last,
      kind: "selected",
      changed: { prompt: ["a harbour", "a harbour at night"] },
    },
    { from: upload.id, to: variation.id, kind: "variation", changed: {} },
  ]);
  for (const id of [upload.id, chosen, other, variation.id]) {
    expect(await lineageOf(id)).toEqual(tree);
  }

  const gone = await api.request(`/api/v1/photos/${chosen}?permanent=true`, { method: "DELETE" });
  expect(gone.status).toBe(204);
  const after = await lineageOf(chosen);
  expect(after.nodes[1]).toEqual({ ...tree.nodes[1], purged: true });
  expect(after.edges[2]).toEqual({ from: chosen, to: last, kind: "selected", changed: {} });
});

test("another index in the batch is not a changed seed, another seed of the step is", async () => {
  const upload = await insertPhoto(db);
  const session = await post("/sessions", {
    entry_type: "refinement",
    source_image_id: upload.id,
  });
  const first = await makeStep(session.id, "a boat", 3);
  await post(`/steps/${first.id}/select`, { image_id: first.ids[2] });
  const second = await makeStep(session.id, "a boat", 2, { parent_id: first.id });
  const { edges } = await lineageOf(upload.id);
  const changed = edges
    .filter((edge: Body) => edge.from === first.ids[2])
    .map((edge: Body) => edge.changed);
  expect(changed).toEqual([{}, {}]);
  await db
    .update(photos)
    .set({ generation: { prompt: "a boat", seed: 10 } })
    .where(eq(photos.id, second.ids[1]!));
  const after = await lineageOf(upload.id);
  expect(after.edges.at(-1).changed).toEqual({ seed: [3, 10] });
});

test("a tree of three thousand nodes, half of them in one chain, is one answer; an unrelated photo has a tree of its own", async () => {
  const chain = 1_500;
  const ids = Array.from({ length: 2 * chain }, () => crypto.randomUUID());
  // The second half are leaves: each made from a node of the chain.
  const sourceOf = (at: number) => (at < chain ? ids[at - 1] : ids[at - chain]);
  const rows = ids.map((id, at) => ({
    id,
    kind: "generated" as const,
    filename: "image.png",
    retrievalStatus: "failed" as const,
    createdAt: new Date(at),
    sourceImageId: sourceOf(at) ?? null,
    generation: { seed: at },
  }));
  for (let at = 0; at < rows.length; at += 500) {
    await db.insert(photos).values(rows.slice(at, at + 500));
  }
  const tree = await lineageOf(ids[500]!);
  expect(tree.nodes.map((node: Body) => node.photo_id)).toEqual(ids);
  expect(tree.edges).toHaveLength(ids.length - 1);
  expect(tree.edges.at(-1)).toEqual({
    from: ids[chain - 1]!,
    to: ids.at(-1)!,
    kind: "img2img",
    changed: { seed: [chain - 1, 2 * chain - 1] },
  });

  const alone = await insertPhoto(db);
  expect(await lineageOf(alone.id)).toEqual({
    nodes: [{ photo_id: alone.id, role: "origin", purged: false }],
    edges: [],
  });
  const unknown = await api.request(`/api/v1/photos/${crypto.randomUUID()}/lineage`);
  expect(unknown.status).toBe(404);
}, 60_000);
