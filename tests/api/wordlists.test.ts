import { afterAll, afterEach, expect, test } from "bun:test";
import { wordlists } from "#db/schema/wordlists";
import { type Body, createTestApi } from "#tests/support/api";

const api = await createTestApi();

afterEach(async () => void (await api.deps.database.db.delete(wordlists)));
afterAll(() => api.close());

const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  api.call(method, `/wordlists${path}`, body, headers);

async function make(name: string, entries: string[] = ["fog"]): Promise<Body> {
  const [status, list] = await call("POST", "", { name, entries });
  expect([status, list.error]).toEqual([201, undefined]);
  return list;
}

const faultsOf = ([status, answer]: [number, Body]) => [
  status,
  answer.error.details.errors.map((fault: Body) => fault.path),
];

test("a list is created, listed, read by name or id, changed and deleted", async () => {
  const made = await make(" Weather_2 ", [" fog ", "{light|heavy} rain", "fog"]);
  expect(made).toMatchObject({
    name: "weather_2",
    size: 3,
    refers_to: [],
    entries: ["fog", "{light|heavy} rain", "fog"],
  });
  await make("a-list");
  const [, listed] = await call("GET", "?limit=1");
  expect(listed).toMatchObject({ total: 2, items: [{ name: "a-list", size: 1 }] });
  const [, rest] = await call("GET", `?limit=1&cursor=${listed.next_cursor}`);
  expect(rest.items.map((list: Body) => list.id)).toEqual([made.id]);
  expect(rest.items[0].entries).toBeUndefined();
  for (const name of ["weather_2", "Weather_2", made.id]) {
    expect(await call("GET", `/${name}`)).toEqual([200, made]);
  }
  const [status, changed] = await call("PATCH", "/weather_2", { name: "sky", entries: ["blue"] });
  expect([status, changed]).toMatchObject([200, { id: made.id, name: "sky", entries: ["blue"] }]);
  expect((await call("DELETE", `/${made.id}`))[0]).toBe(204);
  for (const method of ["GET", "DELETE"]) expect((await call(method, "/sky"))[0]).toBe(404);
  expect((await call("PATCH", "/sky", { name: "x" }))[0]).toBe(404);
});

test("an invalid list is refused with each fault, and nothing is stored", async () => {
  const bad: [object, string[]][] = [
    [{ name: "a b", entries: ["x"] }, ["name"]],
    [{ name: "a__b", entries: ["x"] }, ["name"]],
    [{ name: "x".repeat(65), entries: ["x"] }, ["name"]],
    [{ name: crypto.randomUUID(), entries: ["x"] }, ["name"]],
    [
      { name: "a", entries: ["x", "  ", "{x", "y".repeat(1_001)] },
      ["entries.1", "entries.2", "entries.3"],
    ],
    [{ name: "a", entries: ["__unknown__"] }, ["entries"]],
    [{ name: "a", entries: ["__a__"] }, ["entries"]],
    [{ name: "a", entries: [] }, ["entries"]],
    [{ name: "a", entries: Array(5_001).fill("x") }, ["entries"]],
  ];
  for (const [body, paths] of bad) {
    expect(faultsOf(await call("POST", "", body))).toEqual([400, paths]);
  }
  expect((await call("GET", ""))[1].total).toBe(0);
});

test("a name is taken once, whatever its case", async () => {
  await make("sky");
  const other = await make("sea");
  expect((await call("POST", "", { name: "SKY", entries: ["x"] }))[0]).toBe(409);
  expect((await call("PATCH", `/${other.id}`, { name: "Sky" }))[0]).toBe(409);
  expect((await call("PATCH", `/${other.id}`, { name: "SEA" }))[0]).toBe(200);
});

test("a list that others refer to is neither deleted nor renamed; its entries may change", async () => {
  await make("colour", ["red"]);
  const paint = await make("paint", ["{dark|} __COLOUR__"]);
  expect(paint.refers_to).toEqual(["colour"]);
  const [status, refused] = await call("DELETE", "/colour");
  expect([status, refused.error.message]).toEqual([
    409,
    "The list cannot be deleted while other lists refer to it: paint.",
  ]);
  expect((await call("PATCH", "/colour", { name: "hue" }))[0]).toBe(409);
  expect((await call("PATCH", "/colour", { entries: ["blue"] }))[0]).toBe(200);
  expect((await call("DELETE", "/paint"))[0]).toBe(204);
  expect((await call("DELETE", "/colour"))[0]).toBe(204);
});

test("lists that lead back to themselves, or nest deeper than five, are refused", async () => {
  await make("l5");
  for (const at of [4, 3, 2, 1]) await make(`l${at}`, [`__l${at + 1}__`]);
  expect(faultsOf(await call("POST", "", { name: "l0", entries: ["__l1__"] }))).toEqual([
    400,
    ["entries"],
  ]);
  const circle = await call("PATCH", "/l5", { entries: ["x", "__l2__"] });
  expect(faultsOf(circle)).toEqual([400, ["entries"]]);
  expect(circle[1].error.details.errors[0].message).toContain("leads back to itself");
  expect((await call("GET", "/l5"))[1].entries).toEqual(["fog"]);
});

test("two lists that begin to refer to each other at once make no circle", async () => {
  await make("a");
  await make("b");
  const answers = await Promise.all([
    call("PATCH", "/a", { entries: ["__b__"] }),
    call("PATCH", "/b", { entries: ["__a__"] }),
  ]);
  expect(answers.map(([status]) => status).toSorted((a, b) => a - b)).toEqual([200, 400]);
});

test("a repeated request with one Idempotency-Key makes one list", async () => {
  const send = (name: string) =>
    call("POST", "", { name, entries: ["x"] }, { "idempotency-key": "list" });
  const [[first, list], [again, same]] = [await send("Sky"), await send("sky")];
  expect([first, again]).toEqual([201, 201]);
  expect(same).toEqual(list);
  expect((await send("sea"))[0]).toBe(409);
});
