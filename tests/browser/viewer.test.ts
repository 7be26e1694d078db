import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { startApiProcess } from "#tests/support/api-process";
import { startBrowser } from "#tests/support/browser";
import { insertPhoto } from "#tests/support/rows";
import { shareAlbum, uploadPictures } from "#tests/support/shared-album";

let api: Awaited<ReturnType<typeof startApiProcess>>;
let browser: Awaited<ReturnType<typeof startBrowser>>;
let ids: string[];

beforeAll(async () => {
  api = await startApiProcess();
  [browser, ids] = await Promise.all([startBrowser(api.url), uploadPictures(api, 5)]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await api?.stop();
});

const viewer = "dialog.viewer[open]";
const shows = (page: Page, words: string) =>
  page.locator(`${viewer} .bar p`, { hasText: words }).waitFor();
const focusedLabel = (page: Page) =>
  page.evaluate(
    () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent,
  );

async function openPhoto(page: Page, path: string, number: number): Promise<void> {
  await page.goto(path);
  await page
    .locator(".grid a")
    .nth(number - 1)
    .click();
  await page.locator(viewer).waitFor();
}

describe("the viewer of an album", () => {
  test("works with the keyboard alone, and returns the focus to the photo shown last", async () => {
    const { path } = await shareAlbum(api, ids);
    await browser.visit(async (page) => {
      await page.goto(path);
      await page.locator(".grid a").nth(1).focus();
      await page.keyboard.press("Enter");
      await shows(page, "Photo 2 of 5");
      for (const [key, words] of [
        ["ArrowRight", "Photo 3 of 5"],
        ["ArrowLeft", "Photo 2 of 5"],
        ["End", "Photo 5 of 5"],
        ["ArrowRight", "Photo 5 of 5"],
        ["Home", "Photo 1 of 5"],
        ["ArrowRight", "Photo 2 of 5"],
        ["ArrowRight", "Photo 3 of 5"],
      ] as const) {
        await page.keyboard.press(key);
        await shows(page, words);
      }
      expect(new URL(page.url()).pathname).toBe(`${path}p/${ids[2]}`);
      await page.keyboard.press("Escape");
      await page.waitForURL(`**${path}`);
      expect(await page.locator(viewer).count()).toBe(0);
      const focused = await page.evaluate(() => document.activeElement?.getAttribute("href"));
      expect(focused).toBe(`${path}p/${ids[2]}`);
    });
  }, 60_000);

  test("keeps the focus inside while open", async () => {
    const { path } = await shareAlbum(api, ids, { allow_download: true });
    await browser.visit(async (page) => {
      await openPhoto(page, path, 2);
      const seen: (string | null | undefined)[] = [];
      for (let presses = 0; presses < 8; presses += 1) {
        seen.push(await focusedLabel(page));
        await page.keyboard.press("Tab");
      }
      expect(seen.slice(0, 4)).toEqual(["Further photo", "Download", "Close", "Earlier photo"]);
      expect(seen.slice(4)).toEqual(seen.slice(0, 4));
      await page.keyboard.press("Shift+Tab");
      expect(await focusedLabel(page)).toBe("Earlier photo");
    });
  }, 60_000);

  test("closes on Back, opens on Forward, and a reload shows the photo's own page", async () => {
    const { path } = await shareAlbum(api, ids);
    await browser.visit(async (page) => {
      await openPhoto(page, path, 3);
      await page.goBack();
      await page.locator(viewer).waitFor({ state: "detached" });
      await page.goForward();
      await shows(page, "Photo 3 of 5");
      await page.reload();
      await page.getByRole("heading", { name: "Photo 3 of 5", level: 1 }).waitFor();
      await page.keyboard.press("ArrowRight");
      await page.getByRole("heading", { name: "Photo 4 of 5", level: 1 }).waitFor();
    });
  }, 60_000);

  test("changes the photo by a horizontal swipe, and closes by a swipe down", async () => {
    const { path } = await shareAlbum(api, ids);
    await browser.visit(
      async (page, { context }) => {
        await openPhoto(page, path, 1);
        const devtools = await context.newCDPSession(page);
        const touch = (type: string, points: { x: number; y: number }[]) =>
          devtools.send("Input.dispatchTouchEvent", {
            type: type as "touchStart",
            touchPoints: points,
          });
        const swipe = async (from: [number, number], to: [number, number]) => {
          await touch("touchStart", [{ x: from[0], y: from[1] }]);
          await touch("touchMove", [{ x: to[0], y: to[1] }]);
          await touch("touchEnd", []);
        };
        await swipe([300, 400], [120, 410]);
        await shows(page, "Photo 2 of 5");
        await swipe([120, 400], [300, 390]);
        await shows(page, "Photo 1 of 5");
        await swipe([200, 300], [210, 600]);
        await page.locator(viewer).waitFor({ state: "detached" });
      },
      { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true },
    );
  }, 60_000);

  test("preloads the previous and the next photo", async () => {
    const { path } = await shareAlbum(api, ids);
    await browser.visit(async (page) => {
      const preloads = [ids[1], ids[3]].map((id) =>
        page.waitForResponse(`**/photos/${id}/preview`),
      );
      await openPhoto(page, path, 3);
      expect((await Promise.all(preloads)).map((answer) => answer.status())).toEqual([200, 200]);
    });
  }, 60_000);

  test("continues with the photos of the next page of the album", async () => {
    const rows: string[] = [];
    for (let at = 0; at < 50; at += 1) {
      rows.push((await insertPhoto(api.database.db, { width: 600, height: 400 })).id);
    }
    const { path } = await shareAlbum(api, rows);
    await browser.visit(async (page) => {
      await openPhoto(page, path, 48);
      await shows(page, "Photo 48 of 50");
      await page.keyboard.press("ArrowRight");
      await shows(page, "Photo 49 of 50");
      await page.keyboard.press("ArrowLeft");
      await shows(page, "Photo 48 of 50");
    });
  }, 60_000);

  test("shows an error when the link is revoked while it is open", async () => {
    const { path, revoke } = await shareAlbum(api, ids);
    await browser.visit(async (page) => {
      await openPhoto(page, path, 1);
      expect((await revoke()).status).toBe(204);
      await page.keyboard.press("End");
      await page.getByRole("alert").filter({ hasText: "cannot be shown any more" }).waitFor();
      const answer = await page.reload();
      expect(answer?.status()).toBe(404);
      await page.getByRole("heading", { name: "Nothing here" }).waitFor();
    });
  }, 60_000);

  test.each([
    ["no-preference", 1],
    ["reduce", 0],
  ] as const)(
    "plays with prefers-reduced-motion %s this number of animations: %i",
    async (reducedMotion, animations) => {
      const { path } = await shareAlbum(api, ids);
      await browser.visit(
        async (page) => {
          await page.goto(path, { waitUntil: "networkidle" });
          const seen = await page.evaluate(() => {
            document.querySelector<HTMLElement>(".grid a")!.click();
            return document.querySelector("dialog")!.getAnimations().length;
          });
          expect(seen).toBe(animations);
        },
        { reducedMotion },
      );
    },
    60_000,
  );
});
