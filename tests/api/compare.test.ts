import { afterAll, expect, test } from "bun:test";
import { createTestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;

afterAll(() => api.close());

// oxlint-disable-next-line typescript/no-explicit-any -- the tests look at bodies as a client does
async function compare(query: string): Promise<{ status: number; body: any }> {
  const response = await api.request(`/api/v1/generation/compare?${query}`);
  return { status: response.status, body: await response.json() };
}

test("only what differs is in the table, for generated and uploaded pictures alike", async () => {
  const made = { prompt: "a harbour", steps: 20, seed: 1, scheduler: "euler", width: 512 };
  const one = await insertPhoto(db, { kind: "generated", generation: made });
  const two = await insertPhoto(db, {
    kind: "generated",
    generation: { ...made, seed: 2, loras: [{ modelKey: "ink", weight: 1 }] },
  });
  const uploaded = await insertPhoto(db, { generation: { ...made, scheduler: "ddim" } });
  const ids = [two.id, one.id, uploaded.id];
  const { status, body } = await compare(`ids=${ids.join(",")}`);
  expect(status).toBe(200);
  expect(body.photo_ids).toEqual(ids);
  expect(body.parameters).toEqual([
    { name: "seed", values: [2, 1, 1] },
    { name: "scheduler", values: ["euler", "euler", "ddim"] },
    { name: "loras", values: [[{ model_key: "ink", weight: 1 }], [], []] },
  ]);
  const each = ids.map((id) => `ids=${id}`).join("&");
  expect((await compare(each)).body).toEqual(body);

  const plain = await insertPhoto(db);
  const beside = await compare(`ids=${one.id},${plain.id}`);
  expect(beside.body.parameters).toContainEqual({ name: "prompt", values: ["a harbour", null] });
});

test("an unknown id is told by its place; too few, too many and no ids are refused", async () => {
  const { id } = await insertPhoto(db);
  const unknown = await compare(`ids=${id},${crypto.randomUUID()}`);
  expect(unknown.status).toBe(404);
  expect(unknown.body.error.details).toEqual({ path: "ids.1" });
  const many = Array.from({ length: 21 }, () => crypto.randomUUID()).join(",");
  for (const query of ["", `ids=${id}`, `ids=${id},${id}`, `ids=${id},x`, `ids=${many}`]) {
    expect((await compare(query)).status).toBe(400);
  }
});
