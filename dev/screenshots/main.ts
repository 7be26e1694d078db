import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { launchChromium } from "../chromium";
import { createApiClient } from "#stack/demo/client";
import { allowedEnvironment } from "#stack/environment";
import { type RunningStack, up } from "#stack/up";
import { uploadAlbum } from "./album";
import { makeRuns } from "./runs";
import { drawSession } from "./session";
import { type Shot, shots } from "./shots";

/**
 * `bun dev/screenshots/main.ts`: starts a gallery of its own, shares an album painted for this, generates a picture, and
 * renews the pictures of the share pages, of the workflows' runs and of a session in docs/images/.
 */
const root = dirname(dirname(import.meta.dir));
const dataDir = await mkdtemp(join(tmpdir(), "gallery-screenshots-"));
const env = allowedEnvironment(process.env);
const settled = { waitUntil: "networkidle" } as const;
const options = { port: 0, dataDir, demo: false, remoteDemo: false, once: true, watch: false };
const status = await up(root, options, env, async (stack) => {
  await takeShots(stack);
  return 0;
});
await rm(dataDir, { recursive: true, force: true });
process.exit(status);

async function keep(name: string, png: Buffer): Promise<void> {
  const file = join(root, "docs/images", `${name}.webp`);
  const { size } = await sharp(png).webp({ quality: 82, effort: 6 }).toFile(file);
  console.log(`docs/images/${name}.webp  ${Math.round(size / 1_000)} KB`);
}

async function takeShots(stack: RunningStack): Promise<void> {
  const api = createApiClient(stack.baseUrl, stack.headers);
  const albumId = await uploadAlbum(api);
  const link = await api.call<{ access_key: string }>("POST", "/share", {
    album_id: albumId,
    allow_download: true,
    show_metadata: true,
  });
  const browser = await launchChromium(env);
  try {
    const album = shots.map((shot) => ({ ...shot, url: `${stack.baseUrl}/s/${link.access_key}/` }));
    for (const shot of [...album, ...(await makeRuns(api))]) {
      await keep(shot.name, await take(shot, (page) => page.goto(shot.url, settled)));
    }
    const session = await drawSession(api, stack.baseUrl);
    const window = { viewport: { width: 1300, height: 600 } };
    await keep("session", await take({ window }, (page) => page.setContent(session, settled)));
  } finally {
    await browser.close();
  }

  async function take(
    { window, act }: Pick<Shot, "window" | "act">,
    load: (page: Page) => Promise<unknown>,
  ): Promise<Buffer> {
    const context = await browser.newContext(window);
    const page = await context.newPage();
    await load(page);
    await act?.(page);
    const png = await page.screenshot({ animations: "disabled" });
    await context.close();
    return png;
  }
}
