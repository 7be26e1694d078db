import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";
import { documentedConfiguration, proxies, startProxy } from "#tests/support/published";
import { askRaw, statusOf } from "#tests/support/raw-http";
import { spellingsOf } from "#tests/support/spellings";
import { formOf, pngOfShade } from "#tests/support/uploads";

// oxlint-disable-next-line typescript/no-explicit-any -- bodies are read as a client reads them
type Json = any;
type Init = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };
type Api = Awaited<ReturnType<typeof startApiProcess>>;

const host = "photos.example.org";
const password = "correct horse";
const token = "a-token-of-the-owner";
const filename = "nobody-may-see-this.png";

/** Only the published paths protect the library of this api. */
let open: Api;
/** The configurations of docs/sharing.md. */
let guarded: Api;
let photoId: string;
let key: string;

async function ask(api: Api, path: string, init: Init): Promise<Json> {
  const headers = { ...init.headers, authorization: `Bearer ${token}` };
  return (await fetch(`${api.url}/api/v1${path}`, { ...init, headers })).json();
}

const send = (api: Api, path: string, body: unknown) =>
  ask(api, path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const uploadTo = async (api: Api): Promise<string> => {
  const form = formOf([{ bytes: await pngOfShade(7), name: filename }]);
  return (await ask(api, "/photos", { method: "POST", body: form })).id;
};

beforeAll(async () => {
  [open, guarded] = await Promise.all([
    startApiProcess({ ALLOWED_HOSTS: host }),
    startApiProcess({
      API_TOKEN: token,
      PUBLIC_URL: `https://${host}`,
      TRUSTED_PROXIES: "127.0.0.1",
    }),
  ]);
  photoId = await uploadTo(open);
  key = (await send(open, "/share", { photo_id: photoId })).access_key;
}, 60_000);
afterAll(() => Promise.all([open?.stop(), guarded?.stop()]));

/** Targets that an attacker may try, and the methods that would do harm. */
const hostile = () =>
  [
    ...spellingsOf("api/v1/photos", key),
    ...spellingsOf(`api/v1/photos/${photoId}`, key),
    ...spellingsOf("api/v1/share/links", key),
    "/docs/json",
    "/metrics",
    "/health/ready",
  ].flatMap((target) => ["GET", "DELETE"].map((method) => ({ method, target })));

/** What must not leak to an attacker. An image's own bytes would be in a 200. */
function findLeak(answer: string): string | undefined {
  const status = statusOf(answer);
  if (status !== undefined && (status < 400 || status >= 500)) return `status ${status}`;
  return [photoId, filename, "openapi"].find((mark) => answer.includes(mark));
}

async function findLeaks(url: string): Promise<string[]> {
  const leaks: string[] = [];
  for (const { method, target } of hostile()) {
    const answer = await askRaw(url, { method, target, host });
    const leak = findLeak(answer);
    if (leak) leaks.push(`${method} ${target}: ${leak}`);
  }
  return leaks;
}

const isStillThere = async () =>
  (await fetch(`${open.url}/api/v1/photos?limit=1`).then((answer) => answer.json() as Json)).items
    .length === 1;

describe.each(Object.keys(proxies) as (keyof typeof proxies)[])(
  "behind %s as documented",
  (name) => {
    test.each([
      ["the pages alone", false],
      ["the share routes of the API as well", true],
    ])(
      "no spelling of a path reaches what is not shared: %s",
      async (_what, andApi) => {
        const proxy = await startProxy(name, await documentedConfiguration(name, andApi), open.url);
        try {
          expect(hostile().length).toBeGreaterThan(600);
          expect(await findLeaks(proxy.url)).toEqual([]);
          expect(await isStillThere()).toBe(true);
        } finally {
          await proxy.stop();
        }
      },
      120_000,
    );

    test("a visitor opens, unlocks, views and downloads an album", async () => {
      const proxy = await startProxy(name, await documentedConfiguration(name, true), guarded.url);
      try {
        const id = await uploadTo(guarded);
        const album = await send(guarded, "/albums", { name: "Summer" });
        await fetch(`${guarded.url}/api/v1/albums/${album.id}/photos`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify({ photo_ids: [id] }),
        });
        const link = { album_id: album.id, password, allow_download: true };
        const made = await send(guarded, "/share", link);
        const visit = (path: string, init: Init = {}) =>
          fetch(`${proxy.url}${path}`, {
            redirect: "manual",
            ...init,
            headers: { host, ...init.headers },
          });

        const base = `/s/${made.access_key}`;
        expect((await visit(`${base}/`)).status).toBe(401);
        const unlocked = await visit(`${base}/unlock`, {
          method: "POST",
          body: new URLSearchParams({ password }),
        });
        expect(unlocked.status).toBe(303);
        const cookie = unlocked.headers.get("set-cookie")!.split(";")[0]!;
        const pages = ["", "/", "/?page=1", `/p/${id}`, "/style", "/script", "/download"];
        const images = ["thumbnail", "preview", "original"].map((kind) => `/photos/${id}/${kind}`);
        for (const path of [...pages, ...images]) {
          const answer = await visit(`${base}${path}`, { headers: { cookie } });
          expect({ path, status: answer.status }).toEqual({ path, status: 200 });
          expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
        }

        const forPrograms = `/api/v1/share/${made.access_key}`;
        const issued: Json = await visit(`${forPrograms}/unlock`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ password }),
        }).then((answer) => answer.json());
        const photos = await visit(`${forPrograms}/photos`, {
          headers: { "x-share-token": issued.token },
        });
        expect(((await photos.json()) as Json).total).toBe(1);
      } finally {
        await proxy.stop();
      }
    }, 60_000);
  },
);

test("with no proxy in front no spelling below /s/ reaches what is not shared", async () => {
  const targets = hostile().filter(({ target }) => /^\/s[/\\]/.test(target));
  const leaks: string[] = [];
  for (const { method, target } of targets) {
    const leak = findLeak(await askRaw(open.url, { method, target, host }));
    if (leak) leaks.push(`${method} ${target}: ${leak}`);
  }
  expect(leaks).toEqual([]);
  expect(await isStillThere()).toBe(true);
}, 60_000);
