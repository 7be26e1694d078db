import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertAlbum, insertModel, insertPhoto } from "#tests/support/rows";

let api: TestApi;
let lists: string[];

beforeAll(async () => {
  api = await createTestApi();
  const { db } = api.deps.database;
  const photoIds = [(await insertPhoto(db)).id, (await insertPhoto(db)).id];
  const album = await insertAlbum(db, photoIds);
  await insertAlbum(db, []);
  await insertModel(db);
  await insertModel(db);
  const keys = [];
  for (const target of [{ album_id: album }, { photo_id: photoIds[0] }]) {
    keys.push((await api.call("POST", "/share", target))[1].access_key);
  }
  const [, session] = await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
  for (const name of ["one", "two"]) {
    await api.call("POST", "/templates", { name, prompt_text: "x" });
    await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
  }
  lists = [
    "/photos",
    "/photos?q=photo",
    "/albums",
    `/albums/${album}/photos`,
    "/share/links",
    `/share/${keys[0]}/photos`,
    `/share/${keys[1]}/photos`,
    "/generation/sessions",
    `/generation/sessions/${session.id}/steps`,
    "/generation/images",
    "/models",
    "/templates",
    "/photos/imports",
  ];
});
afterAll(() => api.close());

const withQuery = (list: string, query: string) =>
  `${list}${list.includes("?") ? "&" : "?"}${query}`;

test("total=false omits the count of every list and changes nothing else", async () => {
  for (const list of lists) {
    const [, counted] = await api.call("GET", withQuery(list, "limit=1"));
    expect({ list, relation: counted.total_relation }).toEqual({ list, relation: "eq" });
    for (const more of ["", "&exact_total=true"]) {
      const [status, body] = await api.call("GET", withQuery(list, `limit=1&total=false${more}`));
      expect({ list, status, body }).toEqual({
        list,
        status: 200,
        body: { ...counted, total: null, total_relation: null },
      });
    }
    const [, asked] = await api.call("GET", withQuery(list, "limit=1&total=true"));
    expect({ list, asked }).toEqual({ list, asked: counted });
  }
});

test("a shared album lists its photos without their count with total=false", async () => {
  const album = lists.find((list) => /^\/share\/.*\/photos$/.test(list))!.replace("/photos", "");
  const [, { album: shown }] = await api.call("GET", `${album}?total=false`);
  expect(shown.photos).toMatchObject({ total: null, total_relation: null });
  expect(shown.photo_count).toBeUndefined();
});
