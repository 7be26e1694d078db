import { afterAll, afterEach, expect, test } from "bun:test";
import { templates } from "#db/schema/templates";
import { type Body, createTestApi } from "#tests/support/api";

const api = await createTestApi();

afterEach(async () => void (await api.deps.database.db.delete(templates)));
afterAll(() => api.close());

const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  api.call(method, `/templates${path}`, body, headers);

const make = async (more: object = {}): Promise<Body> => {
  const [status, template] = await call("POST", "", {
    name: "Harbour",
    prompt_text: "a harbour in the morning",
    ...more,
  });
  expect(status).toBe(201);
  return template;
};

test("a template is created, read, changed and deleted", async () => {
  const made = await make({
    name: "  Cafe\u0301 ",
    prompt_text: "  two spaces stay",
    negative_prompt: "blur",
    category: " Towns ",
  });
  expect(made).toEqual({
    id: made.id,
    name: "Café",
    prompt_text: "  two spaces stay",
    negative_prompt: "blur",
    category: "Towns",
    is_favorite: false,
    created_at: made.created_at,
    updated_at: made.updated_at,
  });
  expect(await call("GET", `/${made.id}`)).toEqual([200, made]);
  const [status, changed] = await call("PATCH", `/${made.id}`, {
    is_favorite: true,
    negative_prompt: null,
    description: "for evenings",
  });
  const { negative_prompt: _gone, ...rest } = made;
  expect([status, changed]).toEqual([
    200,
    { ...rest, is_favorite: true, description: "for evenings", updated_at: changed.updated_at },
  ]);
  expect((await call("DELETE", `/${made.id}`))[0]).toBe(204);
  for (const [method, body] of [["GET"], ["DELETE"], ["PATCH", { name: "x" }]] as const) {
    expect((await call(method, `/${made.id}`, body))[0]).toBe(404);
  }
});

test("an invalid template is refused, and nothing is stored", async () => {
  const whole = { name: "Harbour", prompt_text: "a harbour" };
  const bad: object[] = [
    {},
    { name: "Harbour" },
    { ...whole, name: " " },
    { ...whole, name: "x".repeat(101) },
    { ...whole, prompt_text: " " },
    { ...whole, prompt_text: "x".repeat(10_001) },
    { ...whole, description: "x".repeat(2_001) },
    { ...whole, colour: "red" },
  ];
  for (const body of bad) expect((await call("POST", "", body))[0]).toBe(400);
  expect((await call("GET", ""))[1].total).toBe(0);
});

test("the list is filtered by favourite, category and words, and paged by cursor", async () => {
  const [harbour, wood, both] = [
    await make(),
    await make({ name: "Wood", prompt_text: "100% pine", category: "Nature" }),
    await make({ name: "Harbour wood", category: "Nature", is_favorite: true }),
  ];
  const idsOf = async (query: string) =>
    (await call("GET", `?${query}`))[1].items.map((item: Body) => item.id);
  expect(await idsOf("")).toEqual([both.id, wood.id, harbour.id]);
  expect(await idsOf("favorite=true")).toEqual([both.id]);
  expect(await idsOf("category=Nature")).toEqual([both.id, wood.id]);
  expect(await idsOf("q=HARBOUR%20wood")).toEqual([both.id]);
  expect(await idsOf("q=0%25")).toEqual([wood.id]);
  expect(await idsOf("q=_")).toEqual([]);
  const [, first] = await call("GET", "?limit=2");
  expect([first.total, first.items.length]).toEqual([3, 2]);
  expect(await idsOf(`limit=2&cursor=${first.next_cursor}`)).toEqual([harbour.id]);
  expect((await call("GET", `?favorite=true&cursor=${first.next_cursor}`))[0]).toBe(400);
});

test("one Idempotency-Key creates one template, even if sent twenty times at once", async () => {
  const body = { name: "Once", prompt_text: "a single lighthouse" };
  const headers = { "idempotency-key": "template-1" };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call("POST", "", body, headers)),
  );
  expect(new Set(answers.map(([status, made]) => `${status} ${made.id}`)).size).toBe(1);
  expect((await call("GET", ""))[1].total).toBe(1);
  expect((await call("POST", "", { ...body, name: "Other" }, headers))[0]).toBe(409);
});
