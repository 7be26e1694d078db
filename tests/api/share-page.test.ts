import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { albums } from "#db/schema/albums";
import { photos } from "#db/schema/photos";
import { sha256Of } from "#sha256";
import { createTestApi } from "#tests/support/api";
import { insertAlbum, insertPhoto } from "#tests/support/rows";

const password = "correct horse";

const token = "a-token-of-the-owner";
const owner = { authorization: `Bearer ${token}` };
const api = await createTestApi({
  API_TOKEN: token,
  PUBLIC_URL: "https://photos.example.org",
});
const { db } = api.deps.database;
afterAll(() => api.close());

const get = (path: string, headers: Record<string, string> = {}) => api.request(path, { headers });
const textOf = async (path: string) => (await get(path)).text();

/** The thumbhash of a picture with light from above. */
const thumbhash = "1QcSHQRnh493V4dIh4eXh1h4kJUI";

async function shareAlbum(options: { photos?: number; title?: string; link?: object } = {}) {
  const ids: string[] = [];
  for (let at = 0; at < (options.photos ?? 3); at += 1) {
    const [width, height] = at % 3 === 0 ? [3000, 4000] : [4000, 3000];
    const title = options.title ?? null;
    ids.push((await insertPhoto(db, { width, height, thumbhash, title })).id);
  }
  const albumId = await insertAlbum(db, ids, "Summer");
  const answer = await api.postJson("/api/v1/share", { album_id: albumId, ...options.link }, owner);
  const { access_key: key } = (await answer.json()) as { access_key: string };
  return { base: `/s/${key}`, ids, albumId };
}

const metasOf = (page: string) =>
  Object.fromEntries(
    [...page.matchAll(/<meta (?:property|name)="((?:og|twitter):[^"]+)" content="([^"]*)"/g)].map(
      ([, name, content]) => [name!, content!],
    ),
  );

describe("the page of an album", () => {
  test("has at most 60 KB with style and script, without its images", async () => {
    const title = "An evening at the harbour, a while before the rain";
    const { base } = await shareAlbum({
      photos: 60,
      title,
      link: { allow_download: true, show_metadata: true },
    });
    const parts = await Promise.all([`${base}/`, `${base}/style`, `${base}/script`].map(textOf));
    const bytes = parts.map((part) => Buffer.byteLength(part));
    expect(parts[0]!.split("<li class").length - 1).toBe(48);
    expect(bytes.reduce((sum, part) => sum + part, 0)).toBeLessThan(60_000);
  });

  test("reserves the space of every image, and shows its colours until it is loaded", async () => {
    const { base, ids } = await shareAlbum();
    const page = await textOf(`${base}/`);
    const tiles = page.split("<li class").slice(1);
    expect(tiles).toHaveLength(3);
    for (const [at, tile] of tiles.entries()) {
      const [width, height] = at % 3 === 0 ? [3000, 4000] : [4000, 3000];
      expect(tile).toContain(`href="${base}/p/${ids[at]}"`);
      expect(tile).toContain(`width="${width}" height="${height}" alt="Photo ${at + 1} of 3"`);
      expect(tile).toContain('<img src="data:image/png;base64,');
      const shape = /="(r-?\d+)"/.exec(tile)![1]!;
      const rule = new RegExp(`\\.${shape}\\{--r:([\\d.]+)\\}`).exec(await textOf(`${base}/style`));
      expect(Number(rule![1]) / (width! / height!)).toBeCloseTo(1, 1);
    }
    expect(page).not.toContain("style=");
  });

  test("is paged by links, each photo once and in album order", async () => {
    const { base, ids } = await shareAlbum({ photos: 50 });
    const seen: string[] = [];
    let path: string | undefined = `${base}/`;
    for (let turns = 0; path && turns < 5; turns += 1) {
      const page: string = await textOf(path);
      seen.push(...[...page.matchAll(/\/p\/([\w-]{36})"/g)].map(([, id]) => id!));
      path = /href="([^"]+)" rel="next"/.exec(page)?.[1];
    }
    expect(seen).toEqual(ids);
    const last = await textOf(`${base}/?page=2`);
    expect(last).toContain(`href="${base}/" rel="prev"`);
    expect(last).toContain("Page 2 of 2");
    const beyond = await textOf(`${base}/?page=9`);
    expect(beyond).toContain(`href="${base}/?page=2" rel="prev"`);
  });

  test("is counted as a visit once, not again for each photo or further page", async () => {
    const { base, ids } = await shareAlbum({ photos: 50 });
    for (const path of ["/", "/?page=2", `/p/${ids[0]}`, "/style", "/script"]) {
      expect((await get(`${base}${path}`)).status).toBe(200);
    }
    const { items } = (await (await get("/api/v1/share/links?limit=1", owner)).json()) as {
      items: { view_count: number }[];
    };
    expect(items[0]!.view_count).toBe(1);
  });
});

describe("the page of a photo", () => {
  test("links to its neighbours and back to its position in the album", async () => {
    const { base, ids } = await shareAlbum({ photos: 50 });
    const page = await textOf(`${base}/p/${ids[48]}`);
    expect(page).toContain(`href="${base}/p/${ids[47]}" rel="prev"`);
    expect(page).toContain(`href="${base}/p/${ids[49]}" rel="next"`);
    expect(page).toContain(`href="${base}/?page=2" class="up"`);
    expect(page).toContain("<h1>Photo 49 of 50</h1>");
    expect(await textOf(`${base}/p/${ids[0]}`)).not.toContain('rel="prev"');
    expect(await textOf(`${base}/p/${ids[49]}`)).not.toContain('rel="next"');
  });

  test("skips photos that are in the trash or not fetched yet", async () => {
    const { base, ids } = await shareAlbum({ photos: 5 });
    await db.update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, ids[1]!));
    await db
      .update(photos)
      .set({ kind: "generated", retrievalStatus: "pending" })
      .where(eq(photos.id, ids[3]!));
    const page = await textOf(`${base}/p/${ids[2]}`);
    expect(page).toContain("<h1>Photo 2 of 3</h1>");
    expect(page).toContain(`/p/${ids[0]}" rel="prev"`);
    expect(page).toContain(`/p/${ids[4]}" rel="next"`);
  });

  test("has title and prompt only with show_metadata, and the original only with allow_download", async () => {
    const id = (
      await insertPhoto(db, {
        title: "Canary title",
        tags: ["canary tag"],
        filename: "canary.png",
        generation: { prompt: "canary prompt", seed: 7 },
      })
    ).id;
    const albumId = await insertAlbum(db, [id]);
    const shown = async (options: object) => {
      const answer = await api.postJson("/api/v1/share", { album_id: albumId, ...options }, owner);
      const { access_key: key } = (await answer.json()) as { access_key: string };
      return (await textOf(`/s/${key}/p/${id}`)) + (await textOf(`/s/${key}/`));
    };
    expect((await shown({ allow_download: false })).toLowerCase()).not.toMatch(/canary|download/);
    const told = await shown({ show_metadata: true, allow_download: true });
    for (const text of ["Canary title", "canary tag", "canary.png", "canary prompt", "/original"]) {
      expect(told).toContain(text);
    }
  });
});

describe("the preview of a messenger", () => {
  test("has title and one image, if the link has neither a password nor counted visits", async () => {
    const { base, ids } = await shareAlbum({ link: { title: 'Two "weeks" & more' } });
    const metas = metasOf(await textOf(`${base}/`));
    expect(metas).toEqual({
      "og:type": "website",
      "og:title": "Two &quot;weeks&quot; &amp; more",
      "og:image": `https://photos.example.org${base}/photos/${ids[0]}/preview`,
      "og:image:type": "image/webp",
      "og:image:width": "1200",
      "og:image:height": "1600",
      "twitter:card": "summary_large_image",
    });
  });

  test("has nothing of a link with a password or counted visits, not even once it is open", async () => {
    for (const [link, form] of [
      [{ password }, new URLSearchParams({ password })],
      [{ max_views: 3 }, new URLSearchParams()],
    ] as const) {
      const { base } = await shareAlbum({ link: { ...link, title: "Secret title" } });
      const page = await textOf(`${base}/`);
      expect(metasOf(page)).toEqual({});
      expect(page).not.toMatch(/Secret title|Summer/);
      const opened = await api.request(`${base}/unlock`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: `${form}`,
      });
      const cookie = opened.headers.get("set-cookie")!.split(";")[0]!;
      const own = await (await get(`${base}/`, { cookie })).text();
      expect(own).toContain("<h1>Secret title</h1>");
      expect(metasOf(own)).toEqual({});
    }
  });
});

describe("style and script of the pages", () => {
  test("are revalidated after a minute, by their ETag, through the gate", async () => {
    const { base, albumId } = await shareAlbum();
    for (const name of ["style", "script"]) {
      const first = await get(`${base}/${name}`);
      expect(first.headers.get("cache-control")).toBe("private, max-age=60");
      const known = { "if-none-match": first.headers.get("etag")! };
      expect((await get(`${base}/${name}`, known)).status).toBe(304);
    }
    await db.delete(albums).where(eq(albums.id, albumId));
    expect((await get(`${base}/style`)).status).toBe(404);
  });

  test("are the only ones that a page may load; the page of a gone link loads nothing", async () => {
    const { base } = await shareAlbum();
    const page = await get(`${base}/`);
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("style-src 'self'");
    expect(policy).not.toContain("unsafe");
    expect(await page.text()).not.toMatch(/<script[^>]*>[^<]|<style/);
    const gone = await get(`/s/${"A".repeat(43)}/`);
    const text = await gone.text();
    const style = /<style>(.*)<\/style>/.exec(text)![1]!;
    const hash = sha256Of(style, "base64");
    expect(gone.headers.get("content-security-policy")).toContain(`style-src 'sha256-${hash}';`);
    expect(text).not.toMatch(/\/s\/|<script/);
  });
});

test("too many attempts are answered by a page that says how long to wait", async () => {
  const { base } = await shareAlbum({ link: { password } });
  const guess = () =>
    api.request(`${base}/unlock`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "password=wrong+wrong",
    });
  let answer = await guess();
  expect(await answer.text()).toContain('<input id="password" name="password" type="password"');
  for (let tries = 1; answer.status === 401 && tries < 40; tries += 1) answer = await guess();
  expect(answer.status).toBe(429);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  const page = await answer.text();
  expect(page).toContain('role="alert"');
  expect(page).toMatch(/Too many tries\. Try again in \d+ minutes\./);
}, 60_000);
