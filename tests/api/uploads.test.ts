import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { albumPhotos } from "#db/schema/albums";
import { events } from "#db/schema/events";
import { photos } from "#db/schema/photos";
import { sha256Of } from "#sha256";
import { heicGrid } from "#tests/fixtures/heic";
import { painted, pngBomb } from "#tests/fixtures/pictures";
import { createTestApi } from "#tests/support/api";
import { insertAlbum } from "#tests/support/rows";
import { formOf, pngOfShade, rawForm, upload } from "#tests/support/uploads";

const api = await createTestApi({ MAX_UPLOAD_SIZE: "2000000" });
let shade = 0;
const fresh = () => pngOfShade((shade += 1));
const countPhotos = () => api.deps.database.db.$count(photos);

afterAll(() => api.close());

/** Runs a request that should be refused, and checks that it left neither row nor file. */
async function leavesNothing<T>(work: () => Promise<T>): Promise<T> {
  const before = { rows: await countPhotos(), files: (await api.files()).toSorted() };
  const result = await work();
  expect({ rows: await countPhotos(), files: (await api.files()).toSorted() }).toEqual(before);
  return result;
}

describe("one file", () => {
  test("an upload answers 201 with the photo, its bytes and its derivatives on disk, and an event", async () => {
    const bytes = await fresh();
    const { status, body } = await upload(
      api,
      formOf([{ bytes, name: "sunset.png" }], { title: " Dusk ", tags: ["sea", "sea", "sky"] }),
    );
    expect(status).toBe(201);
    expect(body).toMatchObject({
      filename: "sunset.png",
      mime_type: "image/png",
      width: 64,
      height: 48,
      file_size: bytes.length,
      content_hash: sha256Of(bytes),
      is_generated: false,
      retrieval_status: "completed",
      title: "Dusk",
      tags: ["sea", "sky"],
    });
    expect(body["duplicate"]).toBeUndefined();
    const own = (await api.files()).filter((file) => file.includes(body["id"]));
    expect(own).toHaveLength(3);
    const told = await api.deps.database.db.select().from(events);
    expect(told.filter((event) => event.data["photo_id"] === body["id"])).toMatchObject([
      { type: "photo.created" },
    ]);
  });

  test("a HEIC is stored unchanged and its derivatives are upright WebP", async () => {
    const bytes = heicGrid({
      tiles: ["8-red", "8-green"],
      columns: 2,
      width: 256,
      height: 100,
      turns: 1,
    });
    const { status, body } = await upload(api, formOf([{ bytes, name: "IMG_0001.HEIC" }]));
    expect(status).toBe(201);
    expect(body).toMatchObject({ mime_type: "image/heic", width: 100, height: 256 });
    const original = await api.request(body["full_url"]);
    expect(original.headers.get("content-type")).toBe("image/heic");
    expect(bytes.equals(Buffer.from(await original.arrayBuffer()))).toBe(true);
    const thumbnail = await api.request(body["thumbnail_url"]);
    expect(thumbnail.headers.get("content-type")).toBe("image/webp");
  }, 60_000);

  test("an upload with an album becomes the album's last photo", async () => {
    const albumId = await insertAlbum(api.deps.database.db, []);
    const { body } = await upload(api, formOf([{ bytes: await fresh() }], { album_id: albumId }));
    const rows = await api.deps.database.db.select().from(albumPhotos);
    expect(rows.filter((row) => row.albumId === albumId)).toMatchObject([{ photoId: body["id"] }]);
  });

  test("an upload to an unknown album is 404, names the field and stores nothing", async () => {
    const form = formOf([{ bytes: await fresh() }], { album_id: crypto.randomUUID() });
    const { status, body } = await leavesNothing(() => upload(api, form));
    expect(status).toBe(404);
    expect(body).toMatchObject({ error: { code: "not_found", details: { path: "album_id" } } });
  });

  test("every fault of the fields is listed, and nothing is stored", async () => {
    const form = formOf([{ bytes: await fresh() }], {
      album_id: "no-id",
      title: "x".repeat(201),
      colour: "red",
    });
    const { status, body } = await leavesNothing(() => upload(api, form));
    expect(status).toBe(400);
    const paths = body["error"].details.errors.map((fault: { path: string }) => fault.path);
    expect(paths.toSorted()).toEqual(["album_id", "colour", "title"]);
  });
});

describe("duplicates", () => {
  test("the same bytes again are the same photo, marked as duplicate", async () => {
    const bytes = await fresh();
    const first = await upload(api, formOf([{ bytes }]));
    const second = await leavesNothing(() => upload(api, formOf([{ bytes, name: "other.png" }])));
    expect(second.status).toBe(200);
    expect(second.body).toEqual({ ...first.body, duplicate: true });
  });

  test("a duplicate in the trash says so, and restore=true brings it back", async () => {
    const bytes = await fresh();
    const { body } = await upload(api, formOf([{ bytes }]));
    await api.request(`/api/v1/photos/${body["id"]}`, { method: "DELETE" });
    const again = await upload(api, formOf([{ bytes }]));
    expect(again.body).toMatchObject({ id: body["id"], duplicate: true, trashed: true });
    const restored = await upload(api, formOf([{ bytes }]), { query: "?restore=true" });
    expect(restored.body).toMatchObject({ id: body["id"], duplicate: true });
    expect(restored.body["trashed"]).toBeUndefined();
    expect(restored.body["deleted_at"]).toBeUndefined();
  });

  test("two identical uploads at once make one photo", async () => {
    const bytes = await fresh();
    const before = { rows: await countPhotos(), files: (await api.files()).length };
    const count = 8;
    const { storage } = api.deps;
    const commit = storage.commit.bind(storage);
    const allDecoded = Promise.withResolvers<void>();
    let decoded = 0;
    // None finds the row of another before it has stored files of its own.
    const together = spyOn(storage, "commit").mockImplementation(async (staged, key) => {
      if ((decoded += 1) === count) allDecoded.resolve();
      await allDecoded.promise;
      return commit(staged, key);
    });
    const answers = await Promise.all(
      Array.from({ length: count }, () => upload(api, formOf([{ bytes }]))),
    );
    together.mockRestore();
    const created = answers.filter(({ status }) => status === 201);
    expect(created).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
    expect(await countPhotos()).toBe(before.rows + 1);
    expect((await api.files()).length).toBe(before.files + 3);
  });
});

describe("several files", () => {
  test("each file is handled separately: created, duplicate or rejected", async () => {
    const known = await fresh();
    await upload(api, formOf([{ bytes: known }]));
    const { status, body } = await upload(
      api,
      formOf([
        { bytes: await fresh(), name: "new.png" },
        { bytes: known, name: "known.png" },
        { bytes: Buffer.from("hello"), name: "notes.png" },
      ]),
    );
    expect(status).toBe(200);
    expect(body["items"]).toMatchObject([
      { filename: "new.png", status: "created", photo: { filename: "new.png" } },
      { filename: "known.png", status: "duplicate", photo: { duplicate: true } },
      { filename: "notes.png", status: "rejected", error: { code: "unsupported_media_type" } },
    ]);
  });

  test("the same bytes twice in one upload make one photo", async () => {
    const bytes = await fresh();
    const before = await countPhotos();
    const { body } = await upload(api, formOf([{ bytes }, { bytes }]));
    const statuses = body["items"].map((item: { status: string }) => item.status);
    expect(statuses.toSorted()).toEqual(["created", "duplicate"]);
    expect(await countPhotos()).toBe(before + 1);
  });
});

describe("uploads: each fault has its code and leaves nothing behind", () => {
  const whole = () => painted(400, 300).png().toBuffer();
  const cases: [string, number, string, () => Promise<Uint8Array> | Uint8Array][] = [
    ["wrong type", 415, "unsupported_media_type", () => Buffer.from("%PDF-1.7 hello")],
    [
      "SVG under a picture's name",
      415,
      "unsupported_media_type",
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    ],
    ["zero bytes", 415, "unsupported_media_type", () => new Uint8Array()],
    ["truncated", 422, "image_rejected", async () => (await whole()).subarray(0, 5_000)],
    ["16 000×16 000 PNG of few bytes", 422, "image_rejected", () => pngBomb(16_000)],
    ["too small", 422, "image_rejected", () => painted(31, 64).png().toBuffer()],
    ["one byte too many", 413, "payload_too_large", () => new Uint8Array(2_000_001)],
  ];
  test.each(cases)("%s is refused with %i %s", async (_name, status, code, make) => {
    const bytes = await make();
    const answer = await leavesNothing(() => upload(api, formOf([{ bytes }])));
    expect({ status: answer.status, code: answer.body["error"].code }).toEqual({ status, code });
    expect(answer.body["request_id"]).toBe(answer.headers.get("x-request-id"));
  });

  test("a polyglot that decodes is stored unchanged, and sent with the type that was detected", async () => {
    const script = "<script>alert(1)</script>";
    const bytes = Buffer.concat([await fresh(), Buffer.from(script)]);
    const { status, body } = await upload(
      api,
      formOf([{ bytes, name: "x.html", type: "text/html" }]),
    );
    expect(status).toBe(201);
    const original = await api.request(`/api/v1/photos/${body["id"]}`);
    expect(original.headers.get("content-type")).toBe("image/png");
    expect(original.headers.get("x-content-type-options")).toBe("nosniff");
    expect(original.headers.get("content-security-policy")).toContain("sandbox");
    expect(Buffer.from(await original.arrayBuffer()).equals(bytes)).toBe(true);
    const thumbnail = await (await api.request(`/api/v1/photos/${body["id"]}/thumbnail`)).text();
    expect(thumbnail).not.toContain(script);
  });

  test("a filename with path parts and control characters is cleaned for display, and never used as a path", async () => {
    const { body: form, contentType } = rawForm([
      {
        headers: [
          'Content-Disposition: form-data; name="file"; filename="../../etc/\u202Ecron\u0007.d/évil%22.png"',
          "Content-Type: image/png",
        ],
        body: await fresh(),
      },
    ]);
    const response = await api.request("/api/v1/photos", {
      method: "POST",
      body: form as Uint8Array<ArrayBuffer>,
      headers: { "content-type": contentType },
    });
    const body = (await response.json()) as Record<string, string>;
    expect(response.status).toBe(201);
    expect(body["filename"]).toBe('évil".png');
    for (const file of await api.files()) expect(file).not.toContain("vil");
    const original = await api.request(`/api/v1/photos/${body["id"]}`);
    expect(original.headers.get("content-disposition")).toBe(
      `inline; filename="e_vil_.png"; filename*=UTF-8''%C3%A9vil%22.png`,
    );
  });

  test("11 files are 413, and none is kept", async () => {
    const files = await Promise.all(
      Array.from({ length: 11 }, async () => ({ bytes: await fresh() })),
    );
    const { status, body } = await leavesNothing(() => upload(api, formOf(files)));
    expect({ status, code: body["error"].code }).toEqual({
      status: 413,
      code: "payload_too_large",
    });
  });

  test("a form that ends in the middle of a file is 400, and nothing is kept", async () => {
    const { body, contentType } = rawForm([
      {
        headers: ['Content-Disposition: form-data; name="file"; filename="a.png"'],
        body: await fresh(),
      },
    ]);
    const response = await leavesNothing(() =>
      api.request("/api/v1/photos", {
        method: "POST",
        body: body.slice(0, -40) as Uint8Array<ArrayBuffer>,
        headers: { "content-type": contentType },
      }),
    );
    expect(response.status).toBe(400);
  });

  test("a wrong Content-Digest is 400, a correct one is 201", async () => {
    const bytes = await fresh();
    const right = sha256Of(bytes, "base64");
    const send = (digest: string) => {
      const { body, contentType } = rawForm([
        {
          headers: [
            'Content-Disposition: form-data; name="file"; filename="a.png"',
            `Content-Digest: sha-256=:${digest}:`,
          ],
          body: bytes,
        },
      ]);
      return api.request("/api/v1/photos", {
        method: "POST",
        body: body as Uint8Array<ArrayBuffer>,
        headers: { "content-type": contentType },
      });
    };
    const wrong = sha256Of("other", "base64");
    const refused = await leavesNothing(() => send(wrong));
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { code: "validation_error" } });
    expect((await send(right)).status).toBe(201);
  });

  const sendWithDigest = async (digest: string) => {
    const { body, contentType } = rawForm([
      {
        headers: [
          'Content-Disposition: form-data; name="file"; filename="a.png"',
          `Content-Digest: ${digest}`,
        ],
        body: await fresh(),
      },
    ]);
    return api.request("/api/v1/photos", {
      method: "POST",
      body: body as Uint8Array<ArrayBuffer>,
      headers: { "content-type": contentType },
    });
  };

  test("an unreadable sha-256 Content-Digest is 400, and nothing is stored", async () => {
    const hash = sha256Of("x", "base64");
    const unreadable = [
      `sha-256=${hash}`,
      `sha-256=:${hash}`,
      `sha-256=${hash}:`,
      `sha-256=:${hash.slice(4)}:`,
      `sha-256=:AAAA${hash}:`,
      `sha-256=:${hash.replace(/^./, "!")}:`,
      `sha-256=:${hash.replace(/^./, "-")}:`,
      `sha-256=:${Buffer.alloc(32).toString("hex")}:`,
      `SHA-256=${hash}`,
      "sha-256=::",
      "sha-256=",
      "sha-256",
      `sha-512=:AAAA:, sha-256=${hash}`,
      `sha-256=:${hash}:x`,
    ];
    for (const digest of unreadable) {
      const answer = await leavesNothing(() => sendWithDigest(digest));
      expect({ digest, status: answer.status }).toEqual({ digest, status: 400 });
      const { error } = (await answer.json()) as Record<string, any>;
      expect(error.details.errors).toMatchObject([{ path: "file" }]);
      expect(error.details.errors[0].message).toContain("sha-256=:");
    }
  });

  test("a Content-Digest of other kinds is ignored", async () => {
    for (const digest of ["sha-512=:AAAA:", "md5=x, crc32c=:!:", "", "sha-2560=x", "xsha-256=x"]) {
      expect({ digest, status: (await sendWithDigest(digest)).status }).toEqual({
        digest,
        status: 201,
      });
    }
  });

  test("a form with too many fields is 400 and says how many are allowed", async () => {
    const form = formOf([], { tags: Array.from({ length: 129 }, (_, n) => `t${n}`) });
    const { status, body } = await upload(api, form);
    expect(status).toBe(400);
    expect(body["error"].details.errors).toEqual([{ path: "", message: "at most 128 fields" }]);
  });

  test("a file has the name that the form encodes, and is found under no other", async () => {
    const names: [string, string][] = [
      [`filename="fallback.png"; filename*=UTF-8''gr%C3%BC%C3%9Fe.png`, "grüße.png"],
      ["filename*=ISO-8859-1''caf%E9.png", "café.png"],
      [`filename="=?UTF-8?B?${Buffer.from("日本.png").toString("base64")}?="`, "日本.png"],
      [`filename="x; name=\\"title\\".png"`, 'x; name="title".png'],
      [`filename*=UTF-8''..%2F..%2Fetc%2Fcron.png`, "cron.png"],
    ];
    for (const [written, meant] of names) {
      const { body, contentType } = rawForm([
        {
          headers: [`Content-Disposition: form-data; ${written}; name="file"`],
          body: await fresh(),
        },
      ]);
      const answer = await api.request("/api/v1/photos", {
        method: "POST",
        body: body as Uint8Array<ArrayBuffer>,
        headers: { "content-type": contentType },
      });
      const { filename } = (await answer.json()) as Record<string, string>;
      expect({ written, filename }).toEqual({ written, filename: meant });
    }
  });

  test("a body that is not a form is 415, a boundary that is too long 400", async () => {
    const json = await api.postJson("/api/v1/photos", {});
    expect(json.status).toBe(415);
    const long = await api.request("/api/v1/photos", {
      method: "POST",
      body: "x",
      headers: { "content-type": `multipart/form-data; boundary=${"b".repeat(71)}` },
    });
    expect(long.status).toBe(400);
  });

  test("a file in another field is refused with the right field's name, and not stored", async () => {
    const form = formOf([]);
    form.append("files", new Blob([new Uint8Array(await fresh())]), "a.png");
    const { status, body } = await leavesNothing(() => upload(api, form));
    expect(status).toBe(400);
    const errors: unknown = body["error"]["details"]["errors"];
    expect(errors).toMatchObject([{ path: "files", message: expect.stringContaining("`file`") }]);
  });

  test("a form without a file is 400", async () => {
    const { status } = await upload(api, formOf([], { title: "x" }));
    expect(status).toBe(400);
  });
});
