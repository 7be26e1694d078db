import { afterAll, expect, test } from "bun:test";
import { createTestApi } from "#tests/support/api";
import { formOf, pngOfShade, upload, uploadedPhoto } from "#tests/support/uploads";

type Json = Record<string, any>;
const api = await createTestApi();
afterAll(() => api.close());

const smile = "😀";

async function asked(method: string, path: string, sent: Json) {
  const [status, body] = await api.call(method, path, sent);
  return { status, body };
}

test("length limits count characters: an emoji is one, in names, titles and tags", async () => {
  const { id } = await uploadedPhoto(api, 31_001);
  const session = { entry_type: "scratch" };
  const cases: [string, string, Json, string, number][] = [
    ["POST", "/albums", {}, "name", 200],
    ["POST", "/albums", { name: "a" }, "description", 2_000],
    ["PATCH", `/photos/${id}`, {}, "title", 200],
    ["POST", "/generation/sessions", session, "title", 200],
    ["POST", "/share", { photo_id: id }, "title", 200],
  ];
  for (const [method, path, rest, field, most] of cases) {
    const send = (length: number) =>
      asked(method, path, { ...rest, [field]: smile.repeat(length) });
    const taken = await send(most);
    expect({ path, field, status: taken.status < 300 }).toEqual({ path, field, status: true });
    expect(taken.body[field]).toBe(smile.repeat(most));
    const refused = await send(most + 1);
    expect({ path, field, status: refused.status }).toEqual({ path, field, status: 400 });
    expect(refused.body["error"].details.errors[0]).toMatchObject({
      path: field,
      message: expect.stringContaining(`${most} characters`),
    });
  }
});

test("the title of an upload's form is counted the same way", async () => {
  const send = async (length: number) => {
    const form = formOf([{ bytes: await pngOfShade(31_100 + length), name: "a.png" }]);
    form.append("title", smile.repeat(length));
    return upload(api, form);
  };
  expect((await send(200)).status).toBe(201);
  expect((await send(201)).status).toBe(400);
});

test("names and titles are trimmed and NFC, and a blank name is refused", async () => {
  const { status, body } = await asked("POST", "/albums", { name: "  Cafe\u0301 \n" });
  expect({ status, name: body["name"] }).toEqual({ status: 201, name: "Café" });
  expect((await asked("POST", "/albums", { name: " \t " })).status).toBe(400);
});

test("a missing field is reported as missing, not as too short", async () => {
  const { status, body } = await asked("POST", "/albums", { description: "of the sea" });
  expect(status).toBe(400);
  expect(body["error"].details.errors).toEqual([
    { path: "name", message: "Required, and missing" },
  ]);
});

test("NUL and a lone surrogate are 400 in any field and in its name", async () => {
  for (const text of ["a\0b", "\ud800", "a\udc00"]) {
    for (const body of [
      { name: text },
      { name: "a", [text]: 1 },
      { name: "a", x: [{ y: text }] },
    ]) {
      expect((await asked("POST", "/albums", body)).status).toBe(400);
    }
  }
});

test("a date that does not exist is 400, a leap day is valid", async () => {
  const { id } = await uploadedPhoto(api, 31_002);
  const until = (moment: string) =>
    asked("POST", "/share", { photo_id: id, expires_at: moment }).then(({ status }) => status);
  for (const day of ["2030-02-30", "2030-02-29", "2031-04-31", "2030-00-10", "2030-01-00"]) {
    expect({ day, status: await until(`${day}T00:00:00Z`) }).toEqual({ day, status: 400 });
    const query = await api.request(`/api/v1/photos?since=${day}T00:00:00Z`);
    expect({ day, status: query.status }).toEqual({ day, status: 400 });
  }
  expect(await until("2032-02-29T23:59:59Z")).toBe(201);
});
