import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { startApiProcess } from "#tests/support/api-process";
import { insertAlbum, insertPhoto } from "#tests/support/rows";
import { formOf, pngOfShade, upload, uploadedPhoto } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

type Json = Record<string, any>;
let api: TestApi;
/** Lists with at least two entries, so that a page of one has a cursor. */
let lists: string[];

beforeAll(async () => {
  api = await createTestApi();
  const { db } = api.deps.database;
  const photos = [await insertPhoto(db, {}), await insertPhoto(db, {})];
  const photoIds = photos.map((photo) => photo.id);
  const album = await insertAlbum(db, photoIds);
  await insertAlbum(db, []);
  const link = { photo_id: photos[0]!.id };
  const { access_key: key } = (await (
    await api.postJson("/api/v1/share", { album_id: album })
  ).json()) as Json;
  await api.postJson("/api/v1/share", link);
  for (let n = 0; n < 2; n += 1) {
    await api.postJson("/api/v1/generation/sessions", { entry_type: "scratch" });
  }
  lists = [
    "/api/v1/photos",
    "/api/v1/albums",
    `/api/v1/albums/${album}/photos`,
    "/api/v1/share/links",
    `/api/v1/share/${key}/photos`,
    "/api/v1/generation/sessions",
  ];
});
afterAll(() => api.close());

const get = (path: string, init?: RequestInit) => api.request(path, init);

test("a forged cursor answers 400, whatever it holds, for every list", async () => {
  for (const list of lists) {
    const { next_cursor: cursor } = (await (await get(`${list}?limit=1`)).json()) as Json;
    expect({ list, hasCursor: typeof cursor }).toEqual({ list, hasCursor: "string" });
    const [scope, first, id] = JSON.parse(Buffer.from(cursor, "base64url").toString());
    const forged = [
      [scope, 1e300, id],
      [scope, 1.5, id],
      [scope, "x", id],
      [scope, "\ud800", id],
      [scope, first, "x"],
      [scope, first, "\0"],
      [scope, first, 5],
      [scope, first],
      [scope],
    ];
    for (const keys of forged) {
      const made = Buffer.from(JSON.stringify(keys)).toString("base64url");
      const { status } = await get(`${list}?limit=1&cursor=${made}`);
      expect({ list, keys, status }).toEqual({ list, keys, status: 400 });
    }
    expect((await get(`${list}?limit=1&cursor=${cursor}`)).status).toBe(200);
  }
});

test("a cursor with a time that the database cannot store answers 400", async () => {
  for (const list of ["/api/v1/photos", "/api/v1/albums", "/api/v1/share/links"]) {
    const { next_cursor: cursor } = (await (await get(`${list}?limit=1`)).json()) as Json;
    const [scope, , id] = JSON.parse(Buffer.from(cursor, "base64url").toString());
    for (const moment of [8.64e15, -8.64e15, -62_135_596_800_001]) {
      const made = Buffer.from(JSON.stringify([scope, moment, id])).toString("base64url");
      const { status } = await get(`${list}?cursor=${made}`);
      expect({ list, moment, status }).toEqual({ list, moment, status: 400 });
    }
  }
});

test("a NUL answers 400 in a query parameter, and 404 in a path", async () => {
  for (const path of ["models?q=%00", "models?type=a%00", "generation/images?batch_id=%00"]) {
    const { status } = await get(`/api/v1/${path}`);
    expect({ path, status }).toEqual({ path, status: 400 });
  }
  expect((await get("/api/v1/models/%00")).status).toBe(404);
  const favorite = await api.postJson("/api/v1/models/a%00/favorite", { is_favorite: true });
  expect(favorite.status).toBe(404);
});

test("a time must have the form of RFC 3339 and a year that the database can store, else 400", async () => {
  const refused = [
    "-000001-01-01T00:00:00Z",
    "+275760-09-13T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
    "0000-01-01T00:00:00Z",
    "2030-01-01",
    "2030-13-01T00:00:00Z",
    "2030-01-01T25:00:00Z",
  ];
  const { id } = await uploadedPhoto(api, 11);
  for (const moment of refused) {
    const query = `since=${encodeURIComponent(moment)}`;
    const statuses = [
      (await get(`/api/v1/photos?${query}`)).status,
      (await get(`/api/v1/generation/images?${query}`)).status,
      (await api.postJson("/api/v1/share", { photo_id: id, expires_at: moment })).status,
    ];
    expect({ moment, statuses }).toEqual({ moment, statuses: [400, 400, 400] });
  }
  for (const moment of ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.123+02:00"]) {
    const answer = await api.postJson("/api/v1/share", { photo_id: id, expires_at: moment });
    expect({ moment, status: answer.status }).toEqual({ moment, status: 201 });
  }
});

test("HEAD has the same Content-Length as GET", async () => {
  for (const path of ["/api/v1/photos", "/health", "/docs", `/s/${"a".repeat(43)}`]) {
    const full = await (await get(path)).arrayBuffer();
    const head = await get(path, { method: "HEAD" });
    const length = head.headers.get("content-length");
    expect({ path, length }).toEqual({ path, length: String(full.byteLength) });
    expect((await head.arrayBuffer()).byteLength).toBe(0);
  }
});

test("Allow has the methods of the literal path, not of a pattern that also matches it", async () => {
  const id = crypto.randomUUID();
  const paths: Record<string, string> = {
    "/api/v1/models/refresh": "POST",
    "/api/v1/share/create": "POST",
    "/api/v1/share/links": "GET, HEAD",
    [`/api/v1/albums/${id}/photos/batch`]: "POST",
  };
  for (const [path, allow] of Object.entries(paths)) {
    const answer = await get(path, { method: "PUT" });
    const found = { path, status: answer.status, allow: answer.headers.get("allow") };
    expect(found).toEqual({ path, status: 405, allow });
  }
  expect((await get("/api/v1/models/refresh")).status).toBe(405);
});

test("an id in upper case is the same id, in a body too", async () => {
  const { id } = await uploadedPhoto(api, 12);
  const album = (await (await api.postJson("/api/v1/albums", { name: "capitals" })).json()) as Json;
  const photoIds = [id.toUpperCase(), id];
  const added = await api.postJson(`/api/v1/albums/${album["id"]}/photos`, { photo_ids: photoIds });
  expect(added.status).toBe(204);
  const { items } = (await (await get(`/api/v1/albums/${album["id"]}/photos`)).json()) as Json;
  expect(items.map((item: Json) => item["id"])).toEqual([id]);
});

test("a form with a long preamble before its first boundary is cut off, not read to its end", async () => {
  const form = Buffer.concat([Buffer.alloc(1_000_000, "A"), Buffer.from("\r\n--b--\r\n")]);
  const answer = await get("/api/v1/photos", {
    method: "POST",
    headers: { "content-type": "multipart/form-data; boundary=b" },
    body: form,
  });
  expect(answer.status).toBe(400);
  expect(((await answer.json()) as Json)["error"]["message"]).toContain("boundary");
});

test("a form field with the name of an inherited property is unknown", async () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    const form = formOf([{ bytes: await pngOfShade(13) }], { [name]: "x" });
    // Appended, because `__proto__` in an object literal can set the prototype instead of a property.
    if (name === "__proto__") form.append(name, "x");
    const { status, body } = await upload(api, form);
    const paths = body["error"]?.["details"]["errors"].map((fault: Json) => fault["path"]);
    expect({ name, status, paths }).toEqual({ name, status: 400, paths: [name] });
  }
});

test("a request without a host, as HTTP/1.0 allows, is refused like one with an unknown host", async () => {
  const process = await startApiProcess();
  try {
    const { hostname, port } = new URL(process.url);
    const socket = connect(Number(port), hostname);
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.write("GET /health HTTP/1.0\r\n\r\n");
    await until("an answer", () => answer.includes("\r\n\r\n"));
    socket.destroy();
    expect(answer).toStartWith("HTTP/1.1 403");
  } finally {
    await process.stop();
  }
}, 60_000);
