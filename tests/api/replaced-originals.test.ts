import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { createApp } from "#api/app";
import { copyFaults } from "#db/schema/copy-faults";
import { events } from "#db/schema/events";
import { originalKey } from "#media/storage/keys";
import type { DecodeBudget } from "#media/pictures/decode-budget";
import { createTestApi } from "#tests/support/api";
import { makeLink } from "#tests/support/links";
import { insertAlbum } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";
import { unzip } from "#tests/support/zip";
import { markedJpeg } from "#tests/fixtures/marked-pictures";
import { painted } from "#tests/fixtures/pictures";

const api = await createTestApi();
afterAll(() => api.close());
const { db } = api.deps.database;

let shade = 0;
const keyOf = (id: string) => originalKey({ kind: "uploaded", id, mimeType: "image/avif" });
const send = (bytes: Uint8Array) => upload(api, formOf([{ bytes, name: "SECRET name.avif" }]));

/** Uploaded intact; its original was damaged or lost afterwards. */
async function makeBroken(how: "damaged" | "lost") {
  shade += 1;
  const bytes = await painted(90 + shade, 64)
    .avif()
    .toBuffer();
  const id = (await send(bytes)).body["id"] as string;
  if (how === "lost") await api.deps.storage.remove(keyOf(id));
  else await api.deps.storage.put(keyOf(id), new Uint8Array(bytes.length).fill(7));
  return { id, bytes };
}
const brokenPhoto = async (how: "damaged" | "lost") => (await makeBroken(how)).id;

async function share(target: Record<string, unknown>) {
  const link = await makeLink(api, { ...target, allow_download: true });
  const original = (id: string) => `/s/${link.key}/photos/${id}/original`;
  const preview = async (id: string) =>
    Buffer.from(await (await api.request(`/s/${link.key}/photos/${id}/preview`)).arrayBuffer());
  return { ...link, original, preview };
}

async function faultsOf(linkId: string) {
  const [, body] = await api.call("GET", "/share/links?limit=100");
  return body.items.find(({ id }: { id: string }) => id === linkId).faults;
}

/** Counts how often an original is handed to a decoder. */
function watchDecoders() {
  const read: string[] = [];
  const budget: DecodeBudget = {
    spend: () => Promise.reject(new Error("a visitor took one of the owner's decoders")),
  };
  const app = createApp({
    ...api.deps,
    decodeLimits: { ...api.deps.decodeLimits, budget },
    storage: {
      ...api.deps.storage,
      withLocalFile: (key, use) => {
        read.push(key);
        return api.deps.storage.withLocalFile(key, use);
      },
    },
  });
  const get = (path: string) => app.handle(new Request(`http://localhost${path}`));
  return { read, get };
}

for (const [how, reason] of [
  ["damaged", "undecodable"],
  ["lost", "missing"],
] as const) {
  test(`a ${how} original is replaced by its preview under a neutral name, and the owner is notified`, async () => {
    const id = await brokenPhoto(how);
    const link = await share({ photo_id: id });
    expect(await faultsOf(link.id)).toBeUndefined();
    const answer = await api.request(link.original(id));
    expect([answer.status, answer.headers.get("content-disposition")]).toEqual([
      200,
      'inline; filename="photo.webp"',
    ]);
    expect(Buffer.from(await answer.arrayBuffer()).equals(await link.preview(id))).toBe(true);

    expect(await faultsOf(link.id)).toEqual([
      { photo_id: id, reason, message: expect.stringContaining("preview in place") },
    ]);
    const told = await db.select().from(events).where(eq(events.type, "photo.copy_failed"));
    expect(told.filter(({ data }) => data["photo_id"] === id).map(({ data }) => data)).toEqual([
      { photo_id: id, reason },
    ]);
    expect(api.lines.filter((line) => line["photo_id"] === id)).toHaveLength(1);
  });
}

test("an original that failed is not tried again, even after a restart, until a later version", async () => {
  const id = await brokenPhoto("damaged");
  const link = await share({ photo_id: id });
  const first = watchDecoders();
  const asked = await Promise.all(Array.from({ length: 5 }, () => first.get(link.original(id))));
  expect(asked.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(first.read).toHaveLength(1);
  const restarted = watchDecoders();
  expect((await restarted.get(link.original(id))).status).toBe(200);
  expect(restarted.read).toEqual([]);
  await db.update(copyFaults).set({ copyVersion: 0 }).where(eq(copyFaults.photoId, id));
  const upgraded = watchDecoders();
  expect((await upgraded.get(link.original(id))).status).toBe(200);
  expect(upgraded.read).toHaveLength(1);
});

describe.each(["damaged", "lost"] as const)("a %s original", (how) => {
  async function seenBroken() {
    const { id, bytes } = await makeBroken(how);
    const link = await share({ photo_id: id });
    expect((await api.request(link.original(id))).headers.get("content-disposition")).toContain(
      "photo.webp",
    );
    expect(await faultsOf(link.id)).toHaveLength(1);
    return { id, bytes, link };
  }

  async function expectWhole({ id, bytes, link }: Awaited<ReturnType<typeof seenBroken>>) {
    expect(await faultsOf(link.id)).toBeUndefined();
    const answer = await api.request(link.original(id));
    expect((await answer.arrayBuffer()).byteLength).not.toBe((await link.preview(id)).length);
    const owner = await api.request(`/api/v1/photos/${id}`);
    expect(Buffer.from(await owner.arrayBuffer()).equals(bytes)).toBe(true);
    expect(await faultsOf(link.id)).toBeUndefined();
  }

  test("that is restored from a backup is sent again, and its fault is gone", async () => {
    const broken = await seenBroken();
    await api.deps.storage.put(keyOf(broken.id), broken.bytes);
    await expectWhole(broken);
  });

  test("comes back with the same bytes when they are uploaded again, and stays that photo", async () => {
    const broken = await seenBroken();
    const { status, body } = await send(broken.bytes);
    expect([status, body["id"], body["duplicate"]]).toEqual([200, broken.id, true]);
    await expectWhole(broken);
  });
});

test("a zip holds previews of originals that cannot be sent, and lists them without the owner's file names", async () => {
  const whole = await upload(
    api,
    formOf([{ bytes: await markedJpeg("MARKER", { width: 300 }), name: "SECRET whole.jpg" }]),
  );
  const ids = [await brokenPhoto("damaged"), whole.body["id"] as string, await brokenPhoto("lost")];
  const link = await share({ album_id: await insertAlbum(db, ids) });
  const answer = await api.request(`/s/${link.key}/download`);
  const bytes = await answer.bytes();
  expect(Buffer.from(bytes).toString("latin1")).not.toContain("SECRET");
  const files = await unzip(bytes);
  expect([...files.keys()]).toEqual(["photo.webp", "photo.jpg", "photo (2).webp", "replaced.txt"]);
  expect(files.get("photo.webp")!.equals(await link.preview(ids[0]!))).toBe(true);
  const list = files.get("replaced.txt")!.toString();
  expect(list).toContain("photo.webp");
  expect(list).toContain("photo (2).webp");
  expect(list).not.toContain("photo.jpg");
});

test("a zip of one photo whose original cannot be sent is not empty", async () => {
  const id = await brokenPhoto("damaged");
  const link = await share({ photo_id: id });
  const files = await unzip(await (await api.request(`/s/${link.key}/download`)).bytes());
  expect([...files.keys()]).toEqual(["photo.webp", "replaced.txt"]);
});

test("purging a photo removes what is known of its copies", async () => {
  const id = await brokenPhoto("damaged");
  const link = await share({ photo_id: id });
  await api.request(link.original(id));
  const removed = await api.request(`/api/v1/photos/${id}?permanent=true`, { method: "DELETE" });
  expect(removed.status).toBe(204);
  expect((await api.files()).filter((file) => file.includes(id))).toEqual([]);
  expect(await db.$count(copyFaults, eq(copyFaults.photoId, id))).toBe(0);
});

test("while four copies of a link are being made, further visitors get 429", async () => {
  const ids = await Promise.all(
    Array.from({ length: 6 }, async (_, at) => {
      const bytes = await painted(300 + at, 64)
        .avif()
        .toBuffer();
      return (await upload(api, formOf([{ bytes }]))).body["id"] as string;
    }),
  );
  const link = await share({ album_id: await insertAlbum(db, ids) });
  const held = Promise.withResolvers<void>();
  const storage: typeof api.deps.storage = {
    ...api.deps.storage,
    withLocalFile: async (key, use) => {
      await held.promise;
      return api.deps.storage.withLocalFile(key, use);
    },
  };
  const app = createApp({ ...api.deps, storage });
  const answers = ids.map((id) => app.handle(new Request(`http://localhost${link.original(id)}`)));
  const refused = await Promise.race(answers);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
  held.resolve();
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 429, 429]);
});

test("while no copy can be written, the preview is sent and no second attempt is made", async () => {
  const bytes = await painted(400, 64).avif().toBuffer();
  const id = (await upload(api, formOf([{ bytes }]))).body["id"] as string;
  const link = await share({ photo_id: id });
  let written = 0;
  const storage: typeof api.deps.storage = {
    ...api.deps.storage,
    write: (key, produce) =>
      api.deps.storage.write(key, () => ((written += 1), produce("/proc/none/copy"))),
  };
  const app = createApp({ ...api.deps, storage });
  const get = () => app.handle(new Request(`http://localhost${link.original(id)}`));
  for (const answer of [await get(), await get()]) {
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/webp"]);
    expect(Buffer.from(await answer.arrayBuffer()).equals(await link.preview(id))).toBe(true);
  }
  expect(written).toBe(1);
  expect(await faultsOf(link.id)).toBeUndefined();
});
