import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { startApiProcess } from "#tests/support/api-process";
import { startBrowser } from "#tests/support/browser";
import { shareAlbum, uploadPictures } from "#tests/support/shared-album";
import { until } from "#tests/support/wait";

const password = "correct horse";
const axe = new URL("../../node_modules/axe-core/axe.min.js", import.meta.url).pathname;

let api: Awaited<ReturnType<typeof startApiProcess>>;
let browser: Awaited<ReturnType<typeof startBrowser>>;
let ids: string[];

beforeAll(async () => {
  api = await startApiProcess();
  [browser, ids] = await Promise.all([startBrowser(api.url), uploadPictures(api, 4)]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await api?.stop();
});

const heading = (page: Page, name: string) =>
  page.getByRole("heading", { name, level: 1 }).waitFor();

const withAndWithoutScripts = [
  ["with scripts", true],
  ["without scripts", false],
] as const;

describe("a visitor", () => {
  test("browses an album without scripts, photo by photo and back", async () => {
    const { path } = await shareAlbum(api, ids);
    await browser.visit(
      async (page) => {
        await page.goto(path);
        await heading(page, "Summer");
        await page.getByRole("link", { name: "Photo 2 of 4" }).click();
        await heading(page, "Photo 2 of 4");
        await page.getByRole("link", { name: "Further" }).click();
        await heading(page, "Photo 3 of 4");
        const shown = page.getByRole("img", { name: "Photo 3 of 4" });
        const width = () => shown.evaluate((img: HTMLImageElement) => img.naturalWidth);
        await until("the picture to be loaded in full width", async () => (await width()) === 900);
        await page.getByRole("link", { name: "Summer" }).click();
        await heading(page, "Summer");
      },
      { javaScriptEnabled: false },
    );
  }, 60_000);

  test("sees no layout shift while the pictures load", async () => {
    const { path } = await shareAlbum(api, ids);
    await browser.visit(async (page) => {
      const boxes = () =>
        page.evaluate(() =>
          [...document.querySelectorAll(".grid li")].map((tile) => {
            const { x, y, width, height } = tile.getBoundingClientRect();
            return [x, y, width, height].map(Math.round);
          }),
        );
      const held = Promise.withResolvers<void>();
      await page.route("**/thumbnail", async (route) => {
        await held.promise;
        await route.continue();
      });
      await page.goto(path, { waitUntil: "domcontentloaded" });
      await page.waitForFunction(() => document.styleSheets.length > 0);
      const before = await boxes();
      expect(before).toHaveLength(4);
      held.resolve();
      await page.waitForLoadState("networkidle");
      expect(await boxes()).toEqual(before);
      // All tiles of a row have the same height.
      expect(
        new Set(before.filter(([, y]) => y === before[0]![1]).map(([, , , h]) => h)).size,
      ).toBe(1);
    });
  }, 60_000);

  test("downloads an original where the link allows it, under a name that does not reveal the file's own", async () => {
    const { path } = await shareAlbum(api, ids, { allow_download: true });
    await browser.visit(async (page) => {
      await page.goto(path);
      await page.locator(".grid a").first().click();
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "Download", exact: true }).click();
      const file = await download;
      expect(file.suggestedFilename()).not.toContain("holiday");
      const { width, height } = await sharp(await readFile(await file.path())).metadata();
      expect([width, height]).toEqual([900, 600]);
    });
  }, 60_000);

  test("downloads a whole album as one zip, also without scripts", async () => {
    const { path } = await shareAlbum(api, ids, { allow_download: true });
    await browser.visit(
      async (page) => {
        await page.goto(path);
        const download = page.waitForEvent("download");
        await page.getByRole("link", { name: "Download all" }).click();
        const file = await readFile(await (await download).path());
        expect(file.subarray(0, 4).toString("latin1")).toBe("PK\x03\x04");
        // End of central directory: the number of entries (APPNOTE 4.3.16).
        expect(file.readUInt16LE(file.lastIndexOf(Buffer.from("PK\x05\x06", "latin1")) + 10)).toBe(
          4,
        );
      },
      { javaScriptEnabled: false },
    );
  }, 60_000);

  test.each(withAndWithoutScripts)(
    "%s enters the password, and sees an error when it is wrong",
    async (_how, javaScriptEnabled) => {
      const { path } = await shareAlbum(api, ids, { password });
      await browser.visit(
        async (page) => {
          expect((await page.goto(path))?.status()).toBe(401);
          await page.getByLabel("Password").fill("wrong wrong");
          await page.getByRole("button", { name: "Open" }).click();
          await page.getByRole("alert").filter({ hasText: "not the password" }).waitFor();
          const field = page.getByLabel("Password");
          expect(await field.getAttribute("aria-invalid")).toBe("true");
          expect(await page.title()).toContain("not the password");
          await field.fill(password);
          await page.keyboard.press("Enter");
          await heading(page, "Summer");
          await page.getByRole("link", { name: "Photo 1 of 4" }).click();
          await page.getByRole("img", { name: "Photo 1 of 4" }).last().waitFor();
        },
        { javaScriptEnabled },
      );
    },
    60_000,
  );

  test.each(withAndWithoutScripts)(
    "%s opens a link with a view limit by its button, which counts one view",
    async (_how, javaScriptEnabled) => {
      const { path, viewCount } = await shareAlbum(api, ids, { max_views: 1 });
      await browser.visit(
        async (page) => {
          await page.goto(path);
          await page.reload();
          expect(await viewCount()).toBe(0);
          await page.getByRole("button", { name: "Open" }).click();
          await heading(page, "Summer");
          await page.reload();
          await heading(page, "Summer");
          await page.getByRole("link", { name: "Photo 1 of 4" }).click();
          expect(await viewCount()).toBe(1);
        },
        { javaScriptEnabled },
      );
      await browser.visit(async (page) => {
        expect((await page.goto(path))?.status()).toBe(404);
        await heading(page, "Nothing here");
      });
    },
    60_000,
  );

  test("sees the same 404 page for an expired link as for one that never existed", async () => {
    const soon = new Date(Date.now() + 3_600_000);
    const { path, id } = await shareAlbum(api, ids, { expires_at: soon.toISOString() });
    await api.database.db.execute(
      `update share_links set expires_at = now() - interval '1 second' where id = '${id}'`,
    );
    await browser.visit(async (page) => {
      const texts: string[] = [];
      for (const one of [path, `/s/${"A".repeat(43)}/`]) {
        expect((await page.goto(one))?.status()).toBe(404);
        texts.push(await page.content());
      }
      expect(texts[0]).toBe(texts[1]!);
      const align = await page.evaluate(() => getComputedStyle(document.body).textAlign);
      expect(align).toBe("center");
    });
  }, 60_000);
});

describe("axe finds no violation", () => {
  async function violationsOf(page: Page): Promise<unknown[]> {
    await page.addScriptTag({ path: axe });
    // Contrast is measured after elements have faded in.
    await page.evaluate(() =>
      Promise.all(document.getAnimations().map((animation) => animation.finished)),
    );
    return page.evaluate(async () => {
      type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      const { violations } = await (window as unknown as { axe: Axe }).axe.run();
      return violations.map(({ id, nodes }) => ({ id, html: nodes.map((node) => node.html) }));
    });
  }

  test.each([
    ["light", "a desk", { width: 1280, height: 800 }],
    ["dark", "a phone", { width: 390, height: 800 }],
  ] as const)(
    "in %s colours on %s, on every page",
    async (colorScheme, _where, viewport) => {
      const everything = { allow_download: true, show_metadata: true };
      const [album, locked, counted] = await Promise.all([
        shareAlbum(api, ids, { ...everything, expires_at: "2099-01-01T00:00:00.000Z" }),
        shareAlbum(api, ids, { password }),
        shareAlbum(api, ids, { max_views: 1 }),
      ]);
      const photo = `${album.path}p/${ids[1]}`;
      const gone = `/s/${"A".repeat(43)}/`;
      await browser.visit(
        async (page) => {
          for (const path of [photo, locked.path, counted.path, gone, album.path]) {
            await page.goto(path);
            expect([path, await violationsOf(page)]).toEqual([path, []]);
          }
          await page.locator(".grid a").first().click();
          await page.locator("dialog[open]").waitFor();
          expect(await violationsOf(page)).toEqual([]);
        },
        // Axe is injected as a script, which the page's policy would block.
        { colorScheme, viewport, bypassCSP: true },
      );
    },
    120_000,
  );
});
