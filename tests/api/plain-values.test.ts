import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertModel, insertPhoto } from "#tests/support/rows";
import { uploadedPhoto } from "#tests/support/uploads";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

type Fault = { path: string; message: string };
const faultsOf = (body: { error?: { details: { errors: Fault[] } } }) =>
  body.error?.details.errors ?? [];

test("a number in a query is written in decimal digits; anything else is 400 and says what is expected", async () => {
  const refused = ["1e1", "0x10", "5.0", "%2B5", "+5", "%205", "5%20", "", "-0", "-1", "5_0", "٥"];
  for (const path of ["/photos", "/albums", "/generation/sessions", "/share/links"]) {
    for (const name of ["limit", "offset"]) {
      for (const text of refused) {
        const [status, body] = await api.call("GET", `${path}?${name}=${text}`);
        const at = { path, name, text };
        expect({ ...at, status }).toEqual({ ...at, status: 400 });
        const wanted =
          name === "limit" ? "an integer from 1 to 100" : "an integer from 0 to 9007199254740991";
        expect(faultsOf(body)).toEqual([{ path: name, message: `Expected ${wanted}` }]);
      }
    }
  }
  expect((await api.call("GET", "/photos?limit=5&offset=10"))[1]).toMatchObject({
    limit: 5,
    offset: 10,
  });
});

test("every invalid query parameter is listed, each with what it should be", async () => {
  const [, body] = await api.call("GET", "/photos?limit=0&offset=x&favorite=1&album_id=x");
  const faults = faultsOf(body);
  expect(faults.map(({ path }) => path).toSorted()).toEqual([
    "album_id",
    "favorite",
    "limit",
    "offset",
  ]);
});

test("a boolean in a query is true or false; anything else is 400", async () => {
  for (const text of ["1", "0", "True", "TRUE", "yes", "", "null", "%20true"]) {
    for (const name of ["favorite", "generated", "trashed", "exact_total"]) {
      const [status, body] = await api.call("GET", `/photos?${name}=${text}`);
      expect({ name, text, status }).toEqual({ name, text, status: 400 });
      expect(faultsOf(body)).toEqual([{ path: name, message: "Expected true or false" }]);
    }
  }
  expect((await api.call("GET", "/photos?favorite=true&trashed=false"))[0]).toBe(200);
});

test("the page number of a share page is also written in decimal digits", async () => {
  const { id } = await insertPhoto(api.deps.database.db);
  const [, { access_key: key }] = await api.call("POST", "/share", { photo_id: id });
  for (const page of ["1e0", "0x1", "1.0", ""]) {
    const { status } = await api.request(`/s/${key}?page=${page}`);
    expect({ page, status }).toEqual({ page, status: 400 });
  }
});

test("numbers and booleans of a JSON body are not accepted as text", async () => {
  const { id } = await uploadedPhoto(api, 1);
  const { db } = api.deps.database;
  const { key } = await insertModel(db, { key: "some-model" });
  const [, session] = await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
  const [, link] = await api.call("POST", "/share", { photo_id: id });
  const step = (parameters: object) => ({
    prompt: "a fox",
    parameters: { model_key: key, ...parameters },
  });
  const steps = `/generation/sessions/${session.id}/steps`;
  const bodies: [string, string, object, string, string][] = [
    ["PATCH", `/photos/${id}`, { rating: "5" }, "rating", "an integer from 0 to 5 or null"],
    ["PATCH", `/photos/${id}`, { rating: 1.5 }, "rating", "an integer from 0 to 5 or null"],
    ["PATCH", `/photos/${id}`, { is_favorite: "true" }, "is_favorite", "true or false"],
    ["POST", "/share", { photo_id: id, max_views: "5" }, "max_views", ""],
    ["PATCH", `/share/links/${link.id}`, { max_views: "5" }, "max_views", ""],
    ["POST", "/share", { photo_id: id, allow_download: "true" }, "allow_download", "true or false"],
    ["POST", steps, step({ steps: "5" }), "parameters.steps", ""],
    ["POST", steps, step({ width: "512" }), "parameters.width", ""],
    ["POST", steps, step({ cfg_scale: "7" }), "parameters.cfg_scale", ""],
    ["POST", steps, step({ seed: "7" }), "parameters.seed", ""],
    ["POST", steps, step({ batch_size: "1" }), "parameters.batch_size", ""],
    ["POST", `/photos/${id}/variations`, { count: "2" }, "count", ""],
    ["POST", `/photos/${id}/variations`, { parameters: { steps: "5" } }, "parameters.steps", ""],
    ["PATCH", "/settings", { retrieval: { max_attempts: "3" } }, "retrieval.max_attempts", ""],
    [
      "PATCH",
      "/settings",
      { backend: { max_month_cost_usd: "3" } },
      "backend.max_month_cost_usd",
      "a number above 0, up to 100000 or null",
    ],
    ["POST", steps, step({ hires: null }), "parameters.hires", "an object"],
    ["POST", "/wordlists", { name: "hues", entries: [5] }, "entries.0", "a text"],
    ["POST", steps, { ...step({}), prompt: 5 }, "prompt", "a text"],
    ["PATCH", "/settings", {}, "", "a field"],
    [
      "POST",
      "/generation/grids",
      { axes: [{ field: "a-b", values: [1] }], step: {} },
      "axes.0.field",
      "a text of 1 to 200 characters such as parameters.cfg_scale",
    ],
    // Faults within a list, or within one of several forms.
    [
      "PATCH",
      `/photos/${id}`,
      { tags: Array(101).fill("a") },
      "tags",
      "a list of 0 to 100 entries",
    ],
    [
      "POST",
      steps,
      { ...step({}), window: { from: "25:00", to: "06:00" } },
      "window.from",
      "a text such as 22:00",
    ],
    [
      "PATCH",
      "/settings",
      { backend: { mirror: { boards: [] } } },
      "backend.mirror.boards",
      "a list of 1 to 100 entries",
    ],
    [
      "POST",
      "/generation/grids",
      {
        axes: [{ field: "parameters.width", values: ["512"] }],
        step: { prompt: "a fox", parameters: { model_key: key } },
      },
      "step.parameters.width",
      "a number",
    ],
  ];
  for (const [method, path, body, field, wanted] of bodies) {
    const [status, answer] = await api.call(method, path, body);
    const at = { method, path, body };
    expect({ ...at, status }).toEqual({ ...at, status: 400 });
    const fault = faultsOf(answer).find((one) => one.path === field);
    expect({ ...at, fault }).toMatchObject({ ...at, fault: { path: field } });
    if (wanted !== "") expect(fault!.message).toBe(`Expected ${wanted}`);
    else expect(fault!.message).toMatch(/^Expected an? (integer|number)/);
  }
});
