import { afterAll, describe, expect, test } from "bun:test";
import { conflict } from "#errors";
import { idempotencyKeys } from "#db/schema/idempotency-keys";
import { photos } from "#db/schema/photos";
import { answerOnce, fingerprintOf } from "#api/http/idempotency";
import { createTestApi, type TestApi } from "#tests/support/api";
import { formOf, pngOfShade, upload } from "#tests/support/uploads";

const api = await createTestApi();
let shade = 5_000;
const fresh = () => pngOfShade((shade += 1));
afterAll(() => api.close());

const send = (bytes: Uint8Array, key: string, name = "a.png") =>
  upload(api, formOf([{ bytes, name }]), { headers: { "idempotency-key": key } });

describe("an upload with an Idempotency-Key", () => {
  test("sent again gets the first answer again, not the answer for a duplicate", async () => {
    const bytes = await fresh();
    const first = await send(bytes, "again");
    const second = await send(bytes, "again");
    expect(first.status).toBe(201);
    expect({ status: second.status, body: second.body }).toEqual({ status: 201, body: first.body });
  });

  test("with other content answers 409", async () => {
    await send(await fresh(), "other");
    const { status, body } = await send(await fresh(), "other");
    expect({ status, code: body["error"].code }).toEqual({ status: 409, code: "conflict" });
  });

  test("frees its key if it is refused", async () => {
    const refused = await send(Buffer.from("no picture"), "freed");
    expect(refused.status).toBe(415);
    expect((await send(await fresh(), "freed")).status).toBe(201);
  });

  test("sent twenty times concurrently is one photo and gets one answer", async () => {
    const before = await api.deps.database.db.$count(photos);
    const bytes = await fresh();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(bytes, "twenty")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    for (const { body } of answers) expect(body).toEqual(answers[0]!.body);
    expect(await api.deps.database.db.$count(photos)).toBe(before + 1);
  });

  test.each(["", "two words", "ü", "x".repeat(256)])(
    "with a malformed key (%s) answers 400",
    async (key) => {
      const headers = {
        "idempotency-key": encodeURI(key) === key ? key : Buffer.from(key).toString("latin1"),
      };
      const { status } = await upload(api, formOf([{ bytes: await fresh() }]), { headers });
      expect(status).toBe(400);
    },
  );
});

const options = (key: string, content: unknown = 1) => ({
  route: "POST /test",
  key,
  fingerprint: fingerprintOf(content),
});

describe("answerOnce", () => {
  test("does the work once for twenty concurrent requests; the others get its answer", async () => {
    let done = 0;
    const gate = Promise.withResolvers<void>();
    const work = async (id: string) => {
      done += 1;
      await gate.promise;
      return { status: 201, body: { id } };
    };
    const asked = Array.from({ length: 20 }, () => answerOnce(api.deps, options("many"), work));
    gate.resolve();
    const answers = await Promise.all(asked);
    expect(done).toBe(1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  test("takes over from a request whose process died, with the same id", async () => {
    const ids: string[] = [];
    const dies = answerOnce(api.deps, options("dead"), async (id) => {
      ids.push(id);
      throw new Error("the process is gone");
    });
    expect(await dies.catch((error: Error) => error.message)).toBe("the process is gone");
    const late = { ...api.deps, now: () => new Date(Date.now() + 11_000) };
    const answer = await answerOnce(late, options("dead"), async (id) => {
      ids.push(id);
      return { status: 201, body: { id } };
    });
    expect(answer.status).toBe(201);
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]!);
  });

  test("frees the key of a refused request", async () => {
    const refused = answerOnce(api.deps, options("refused"), async () => {
      throw conflict("not now");
    });
    expect(await refused.catch((error: Error) => error.message)).toBe("not now");
    const answer = await answerOnce(api.deps, options("refused", "other content"), async () => ({
      status: 200,
      body: null,
    }));
    expect(answer.status).toBe(200);
  });

  test("gives a repeat only the stored part of the first answer", async () => {
    const ask = () =>
      answerOnce(
        api.deps,
        {
          ...options("secret"),
          kept: ({ body }) => ({ status: 200, body: { id: (body as { id: string }).id } }),
        },
        async (id) => ({ status: 201, body: { id, access_key: "shown once" } }),
      );
    expect(await ask()).toMatchObject({ status: 201, body: { access_key: "shown once" } });
    expect(await ask()).toEqual({ status: 200, body: { id: expect.any(String) } });
    const rows = await api.deps.database.db.select().from(idempotencyKeys);
    expect(JSON.stringify(rows)).not.toContain("shown once");
  });

  test("forgets a key after a day", async () => {
    const work = async () => ({ status: 201, body: crypto.randomUUID() });
    const first = await answerOnce(api.deps, options("old"), work);
    const tomorrow = new Date(Date.now() + 24 * 60 * 60 * 1_000 + 1_000);
    const second = await answerOnce({ ...api.deps, now: () => tomorrow }, options("old", 2), work);
    expect(second.body).not.toBe(first.body);
  });

  test("treats equal keys of two routes as different", async () => {
    const ids = await Promise.all(
      ["POST /a", "POST /b"].map((route) =>
        answerOnce(api.deps, { ...options("shared"), route }, async (id) => ({
          status: 201,
          body: id,
        })),
      ),
    );
    expect(ids[0]!.body).not.toBe(ids[1]!.body);
  });
});

describe("the id that is derived from a key", () => {
  const idOf = async (of: TestApi, key: string): Promise<string> => {
    const answer = await answerOnce(of.deps, options(key), async (id) => ({
      status: 201,
      body: id,
    }));
    return answer.body as string;
  };

  test("is a UUID, the same if the work is done again", async () => {
    const first = await idOf(api, "made again");
    await api.deps.database.db.delete(idempotencyKeys);
    expect(await idOf(api, "made again")).toBe(first);
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("differs between installations: it cannot be computed from route and key", async () => {
    const other = await createTestApi();
    try {
      expect(await idOf(other, "guessed")).not.toBe(await idOf(api, "guessed"));
    } finally {
      await other.close();
    }
  });
});

test("a fingerprint does not depend on the order of fields", () => {
  expect(fingerprintOf({ a: 1, b: { c: 2, d: undefined } })).toBe(
    fingerprintOf({ b: { c: 2 }, a: 1 }),
  );
  expect(fingerprintOf([1, 2])).not.toBe(fingerprintOf([2, 1]));
});
