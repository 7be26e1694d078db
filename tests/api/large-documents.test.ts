import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseJson } from "#api/http/bodies/json-text";
import { startApiProcess } from "#tests/support/api-process";
import { importInto } from "#tests/support/made-session";
import { rawZip } from "#tests/support/raw-zip";

const MiB = 1024 * 1024;
const key = "k".repeat(43);

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess({ API_TOKEN: "a-token-of-the-owner" });
}, 60_000);
afterAll(() => api.stop());

const owner = { authorization: "Bearer a-token-of-the-owner" };

async function post(path: string, type: string, body: string, headers = {}) {
  const response = await fetch(`${api.url}${path}`, {
    method: "POST",
    headers: { "content-type": type, ...headers },
    body,
  });
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, code: error.code, message: error.message };
}

/** Few bytes with so many values that parsing and checking them takes seconds. */
const crowds: Record<string, (bytes: number) => string> = {
  lists: (bytes) => `[${"[],".repeat(bytes / 3)}0]`,
  numbers: (bytes) => `{"a":[${"0,".repeat(bytes / 2)}0]}`,
  texts: (bytes) => `[${'"",'.repeat(bytes / 3)}0]`,
  "names that are numbers": (bytes) =>
    `{${Array.from({ length: bytes / 18 }, (_, at) => `"${at * 53_687}":0`).join()}}`,
  "one name many times": (bytes) => `{${'"a":0,'.repeat(bytes / 6)}"a":0}`,
  "lists in lists": (bytes) => `[${"[[[[[]]]]],".repeat(bytes / 11)}0]`,
};

describe("a body over 4 KiB is 413 on routes that need no token", () => {
  const json = (bytes: number) => JSON.stringify({ password: "x".repeat(bytes) });
  test.each([
    ["a link's password as JSON", `/api/v1/share/${key}/unlock`, "application/json", json(4_096)],
    ["the owner's token", "/api/v1/auth/session", "application/json", json(4_096)],
    [
      "a link's password as a form",
      `/s/${key}/unlock`,
      "application/x-www-form-urlencoded",
      `password=${"x".repeat(4_096)}`,
    ],
  ])("%s", async (_what, path, type, body) => {
    expect(await post(path, type, body)).toMatchObject({ status: 413, code: "payload_too_large" });
  });
});

test.each(Object.entries(crowds))(
  "a body with too many values is refused before it is parsed: %s",
  async (_what, make) => {
    const refused = { status: 400, message: expect.stringContaining("more than 10000 values") };
    const body = make(MiB - 100);
    expect(await post("/api/v1/albums", "application/json", body, owner)).toMatchObject(refused);
  },
);

test("punctuation in strings does not count as values, and text that is not JSON is refused as such", () => {
  const bounds = { maxValues: 4, maxDepth: 2 };
  const text = JSON.stringify({ a: '[{,"\\', b: ["]}"] });
  expect(parseJson(text, bounds)).toEqual(JSON.parse(text));
  for (const bad of ["", "{", '"', '"\\', "[1,]", "]", "nul"]) {
    expect(() => parseJson(bad, bounds)).toThrow("not JSON");
  }
  expect(() => parseJson("[[[]]]", bounds)).toThrow("deeper than 2 levels");
  expect(() => parseJson("[1,2,3,4]", bounds)).toThrow("more than 4 values");
});

test("a text that cannot be stored is reported with its path", () => {
  const bounds = { maxValues: 100, maxDepth: 32 };
  const fault = { details: { errors: [{ path: "a.1.b", message: expect.any(String) }] } };
  for (const bad of ["\\u0000", "\\ud800", "x\\udc00x"]) {
    const parse = () => parseJson(`{"a":[1,{"b":"${bad}"}]}`, bounds);
    expect(parse).toThrow(expect.objectContaining(fault));
  }
});

describe("other requests are answered while an archive is parsed that holds", () => {
  const over = {
    request: (path: string, init: RequestInit = {}) => fetch(`${api.url}${path}`, init),
  };
  const document = (values: string) =>
    `{"format":"gallery-session","version":1,"photos":${values}}`;
  const photo = `{"id":"x","tags":[${'"",'.repeat(90)}""]}`;
  const archives: Record<string, string> = {
    "63 MiB of lists, in 62 KB": document(crowds["lists"]!(63 * MiB)),
    "8 MiB of names that are numbers": document(crowds["names that are numbers"]!(8 * MiB)),
    "as many values as are allowed": document(`[${`${photo},`.repeat(20_000)}0]`),
    "escapes of 60 MiB": document(`"${"\\u0041".repeat(10 * MiB)}"`),
  };

  test.each(Object.entries(archives))(
    "%s",
    async (_what, text) => {
      const zip = rawZip([{ name: "session.json", bytes: Buffer.from(text), deflated: true }]);
      let isRefused = false;
      const refused = importInto(over, zip, owner).finally(() => {
        isRefused = true;
      });
      let answered = 0;
      while (!isRefused) {
        expect((await fetch(`${api.url}/health`)).status).toBe(200);
        answered += 1;
      }
      const { status, body } = await refused;
      expect({ status, code: body["error"]?.code }).toEqual({
        status: 400,
        code: "validation_error",
      });
      expect(answered).toBeGreaterThan(20);
    },
    60_000,
  );
});
