import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { createApp } from "#api/app";
import { photos } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import type { ImageMimeType } from "#media/pictures/formats";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";
import { gpsMark, markedJpeg, markedPng, markedWebp } from "#tests/fixtures/marked-pictures";
import { animation, painted } from "#tests/fixtures/pictures";
import { createTestApi, type TestApi } from "#tests/support/api";
import { findLeaks, type Secrets } from "#tests/support/leaks";
import { makeLink } from "#tests/support/links";
import { callAs, shareRoutes } from "#tests/support/public-routes";
import { insertAlbum, insertPhoto } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";

const mark = "Zq4LeakMarker";
const password = "correct horse";

/** The markers in each kind of file, and where they are. */
const files: {
  name: string;
  mimeType: ImageMimeType;
  places: string[];
  make: () => Promise<Buffer>;
}[] = [
  {
    name: "jpeg",
    mimeType: "image/jpeg",
    places: [
      "exif",
      "xmp",
      "jfxx",
      "mpf",
      "app4",
      "iptc",
      "comment",
      "garbage",
      "second-exif",
      "trailing",
    ],
    make: () => markedJpeg(`${mark}-jpeg`),
  },
  {
    name: "png",
    mimeType: "image/png",
    places: ["exif", "xmp", "text", "zipped", "profile", "palette", "unknown", "gamma", "trailing"],
    make: () => markedPng(`${mark}-png`),
  },
  {
    name: "webp",
    mimeType: "image/webp",
    places: ["exif", "xmp", "note", "trailing"],
    make: () => markedWebp(`${mark}-webp`, "lossy"),
  },
  {
    name: "moving",
    mimeType: "image/webp",
    places: ["exif", "xmp", "note", "frame", "trailing"],
    make: () => markedWebp(`${mark}-moving`, "moving"),
  },
  {
    name: "gif",
    mimeType: "image/gif",
    places: ["trailing"],
    make: async () =>
      Buffer.concat([await animation(3, 64).gif().toBuffer(), Buffer.from(`${mark}-gif-trailing`)]),
  },
  {
    name: "avif",
    mimeType: "image/avif",
    places: ["exif"],
    make: () =>
      painted(72, 64)
        .withExif({ IFD0: { Artist: `${mark}-avif-exif` } })
        .avif()
        .toBuffer(),
  },
];

const inFile = ({ name, places }: (typeof files)[number]): Secrets =>
  Object.fromEntries(places.map((place) => [`${name} ${place}`, `${mark}-${name}-${place}`]));

const inRow: Secrets = {
  title: `${mark}-Title`,
  tag: `${mark}-Tag`,
  filename: `${mark}-Filename`,
  prompt: `${mark}-Prompt`,
  "negative prompt": `${mark}-Negative`,
  "model's key": `${mark}-ModelKey`,
  "model's name": `${mark}-ModelName`,
  "model's hash": `${mark}-ModelHash`,
  lora: `${mark}-Lora`,
  "reference's model": `${mark}-Adapter`,
  reference: "5eac0de5-0000-4000-8000-00000000beef",
  scheduler: `${mark}-Scheduler`,
  seed: 918_273_645,
  cost: "471472.25",
  "name in InvokeAI": `${mark}-InvokeId`,
  "retrieval's error": `${mark}-RetrievalError`,
  "time of the photo": "1987-06-05",
};

let api: TestApi;
let secrets: Secrets;
const photoIds: string[] = [];
let albumId: string;

beforeAll(async () => {
  api = await createTestApi();
  const { db } = api.deps.database;
  const told: Record<string, string | number> = { ...inRow, gps: gpsMark, path: api.dataDir };
  for (const file of files) {
    Object.assign(told, inFile(file));
    const form = formOf([{ bytes: await file.make(), name: `${inRow["filename"]}-${file.name}` }]);
    const { status, body } = await upload(api, form);
    expect([file.name, status]).toEqual([file.name, 201]);
    photoIds.push(body["id"]);
  }
  const generated = await insertPhoto(db, {
    kind: "generated",
    invokeId: `${inRow["name in InvokeAI"]}`,
  });
  photoIds.push(generated.id);
  const png = await markedPng(`${mark}-png`);
  await api.deps.storage.put(originalKey({ ...generated, mimeType: "image/png" }), png);
  const small = await painted(32, 32).webp().toBuffer();
  for (const key of [thumbnailKey(generated.id), previewKey(generated.id)]) {
    await api.deps.storage.put(key, small);
  }

  const sessionId = crypto.randomUUID();
  await db.insert(sessions).values({ id: sessionId, entryType: "scratch" });
  for (const [at, id] of photoIds.entries()) {
    const [row] = await db
      .update(photos)
      .set({
        title: `${inRow["title"]}`,
        tags: [`${inRow["tag"]}`],
        filename: `${inRow["filename"]}.png`,
        takenAt: `${inRow["time of the photo"]} 01:02:03`,
        costUsd: Number(inRow["cost"]),
        retrievalError: `${inRow["retrieval's error"]}`,
        sessionId,
        references: [
          {
            imageId: `${inRow["reference"]}`,
            role: "style",
            modelKey: `${inRow["reference's model"]}`,
          },
        ],
        generation: {
          prompt: `${inRow["prompt"]}`,
          negativePrompt: `${inRow["negative prompt"]}`,
          modelKey: `${inRow["model's key"]}`,
          modelName: `${inRow["model's name"]}`,
          modelHash: `${inRow["model's hash"]}`,
          scheduler: `${inRow["scheduler"]}`,
          seed: Number(inRow["seed"]),
          loras: [{ modelKey: `${inRow["lora"]}`, weight: 1 }],
        },
      })
      .where(eq(photos.id, id))
      .returning();
    told[`hash of photo ${at}`] = row!.contentHash!;
  }
  albumId = await insertAlbum(db, photoIds, "Album");
  secrets = { ...told, "album's id": albumId, "session's id": sessionId };
}, 120_000);

afterAll(() => api.close());

type Found = { where: string; channels: string[] };
type Answering = { request: (path: string, init?: RequestInit) => Promise<Response> };

/** The variants in which each route is requested; no variant may reveal more than the others. */
const manners: {
  method?: "HEAD";
  by?: "cookie";
  headers?: Record<string, string>;
  query?: string;
}[] = [
  {},
  { method: "HEAD" },
  { by: "cookie" },
  { headers: { range: "bytes=-400" } },
  { headers: { accept: "text/html" } },
  { headers: { accept: "image/*" } },
  { query: "?page=2" },
  { query: "?limit=2&offset=1" },
  { query: "?cursor=bm9uc2Vuc2U" },
  { query: "?limit=nonsense" },
];
function mannersOf(route: string) {
  if (route.startsWith("POST")) return manners.slice(0, 1);
  // An image route has neither pages nor other content types.
  return route.includes(":photo_id") ? manners.slice(0, 4) : manners;
}

/** Requests everything that a link gives access to; returns the markers found and where. */
async function crawl(
  app: Answering,
  link: { key: string; token?: string },
  shown: readonly string[] = photoIds,
) {
  const found: Found[] = [];
  const seen = new Set<string>();
  let answers = 0;
  for (const route of shareRoutes) {
    const wanted = route.includes(":photo_id")
      ? [...shown, crypto.randomUUID(), "nonsense"]
      : [shown[0]!];
    for (const photoId of wanted) {
      for (const manner of mannersOf(route)) {
        const visitor = { ...link, photoId, password: "not the password" };
        const { path, init } = callAs(route, visitor, manner);
        const { method = init.method ?? "GET" } = manner;
        const answer = await app.request(path, { ...init, method });
        answers += 1;
        const head = Buffer.from(JSON.stringify([...answer.headers]));
        const bytes = Buffer.concat([head, Buffer.from(await answer.arrayBuffer())]);
        const hash = Bun.hash(bytes).toString();
        if (seen.has(hash)) continue;
        seen.add(hash);
        const channels = findLeaks(bytes, secrets);
        const where = `${method} of ${route} ${photoId} ${answer.status}`;
        if (channels.length > 0) found.push({ where, channels });
      }
    }
  }
  return { found, answers };
}

const channelsOf = ({ found }: { found: Found[] }) =>
  new Set(found.flatMap(({ channels }) => channels));

async function unlocked(link: { id: string; key: string }) {
  const answer = await api.postJson(`/api/v1/share/${link.key}/unlock`, { password });
  return { ...link, token: ((await answer.json()) as { token: string }).token };
}

const everything = () => ({ album_id: albumId, allow_download: true });

test("the search finds each marker where it was planted", async () => {
  for (const [at, file] of files.entries()) {
    const answer = await api.request(`/api/v1/photos/${photoIds[at]}`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect([file.name, findLeaks(bytes, inFile(file))]).toEqual([
      file.name,
      Object.keys(inFile(file)),
    ]);
  }
  const jpeg = Buffer.from(
    await (await api.request(`/api/v1/photos/${photoIds[0]}`)).arrayBuffer(),
  );
  expect(findLeaks(jpeg, { gps: gpsMark })).toEqual(["gps"]);
  const row = await api.request(`/api/v1/photos/${photoIds[0]}`, {
    headers: { accept: "application/json" },
  });
  const channels = findLeaks(Buffer.from(await row.arrayBuffer()), inRow);
  expect(channels).toContain("prompt");
  expect(channels).toContain("seed");
});

test("no marker is in any answer of a link", async () => {
  const open = await makeLink(api, everything());
  const crawled = await crawl(api, open);
  expect(crawled.found).toEqual([]);
  // The crawl got images and pages, not only refusals.
  expect(crawled.answers).toBeGreaterThan(300);
  const original = await api.request(`/s/${open.key}/photos/${photoIds[0]}/original`);
  expect([original.status, original.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  const zip = Buffer.from(await (await api.request(`/s/${open.key}/download`)).arrayBuffer());
  expect(zip.toString("latin1").split("PK\x01\x02")).toHaveLength(photoIds.length + 1);

  const locked = await unlocked(await makeLink(api, { ...everything(), password, max_views: 9 }));
  expect((await crawl(api, locked)).found).toEqual([]);
  expect((await crawl(api, { key: locked.key }, photoIds.slice(0, 2))).found).toEqual([]);
  for (const photo_id of photoIds.slice(0, 2)) {
    const one = await makeLink(api, { photo_id, allow_download: false });
    expect((await crawl(api, one, photoIds.slice(0, 2))).found).toEqual([]);
  }
}, 300_000);

test("no marker is in any answer if files are missing or damaged", async () => {
  const broken = breakOriginals(api.deps.storage);
  const app = createApp({ ...api.deps, storage: broken });
  const request = async (path: string, init?: RequestInit) =>
    app.handle(new Request(`http://localhost${path}`, init));
  expect((await crawl({ request }, await makeLink(api, everything()))).found).toEqual([]);
}, 300_000);

test("the search finds what would leak without stripping", async () => {
  // Answers a request for a derivative with the stored original.
  const raw = createApp({ ...api.deps, storage: servingOriginals(api.deps.storage) });
  const request = async (path: string, init?: RequestInit) =>
    raw.handle(new Request(`http://localhost${path}`, init));
  const planted = channelsOf(await crawl({ request }, await makeLink(api, everything())));
  for (const file of files) {
    for (const channel of Object.keys(inFile(file))) expect([...planted]).toContain(channel);
  }
  expect([...planted]).toContain("gps");

  // A link with show_metadata: what the owner allowed, and none of the owner's data.
  const visible = channelsOf(
    await crawl(api, await makeLink(api, { ...everything(), show_metadata: true })),
  );
  for (const channel of [
    "title",
    "tag",
    "filename",
    "prompt",
    "model's name",
    "seed",
    "jpeg exif",
  ]) {
    expect([...visible]).toContain(channel);
  }
  for (const channel of [
    "path",
    "cost",
    "session's id",
    "album's id",
    "retrieval's error",
    "name in InvokeAI",
    "model's key",
    "reference",
    "reference's model",
  ]) {
    expect([...visible]).not.toContain(channel);
  }
}, 300_000);

/** Gives the stored original for every thumbnail and preview. */
function servingOriginals(storage: Storage): Storage {
  const original = new Map(
    photoIds.flatMap((id, at) => {
      const file = files[at];
      const kind = file ? "uploaded" : "generated";
      const key = originalKey({ kind, id, mimeType: file?.mimeType ?? "image/png" });
      return [
        [thumbnailKey(id), key],
        [previewKey(id), key],
      ] as const;
    }),
  );
  return { ...storage, find: (key) => storage.find(original.get(key) ?? key) };
}

/** A storage in which half of the originals are missing, and the others are a text with the markers. */
function breakOriginals(storage: Storage): Storage {
  const text = Object.values(secrets).join(" ");
  const isOriginal = (key: string) => !key.startsWith("photos/thumbnails/");
  const isGone = (key: string) => Number.parseInt(key.at(-5) ?? "0", 16) % 2 === 0;
  return {
    ...storage,
    find: async (key) => {
      if (!isOriginal(key)) return key.includes(".shared.") ? undefined : storage.find(key);
      if (isGone(key)) return undefined;
      const content = new Blob([text]);
      const now = new Date();
      return { bytes: text.length, modifiedAt: now, changedAt: now, revision: "broken", content };
    },
    withLocalFile: (key, use) =>
      isGone(key)
        ? Promise.resolve(undefined)
        : Bun.write(`${api.dataDir}/broken`, text).then(() => use(`${api.dataDir}/broken`)),
  };
}
