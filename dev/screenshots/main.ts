import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { launchChromium } from "../chromium";
import { createApiClient } from "../demo/client";
import { allowedEnvironment } from "../environment";
import { type RunningStack, up } from "../up";
import { uploadAlbum } from "./album";
import { makeRuns } from "./runs";
import { type Shot, shots } from "./shots";

/**
 * `bun dev/screenshots/main.ts`: starts a gallery of its own, shares an album painted for this, generates a picture, and
 * renews the pictures of the share pages and of the workflows' runs in docs/images/.
 */
const root = dirname(dirname(import.meta.dir));
const dataDir = await mkdtemp(join(tmpdir(), "gallery-screenshots-"));
const env = allowedEnvironment(process.env);
const options = { port: 0, dataDir, demo: false, once: true, watch: false };
const status = await up(root, options, env, async (stack) => {
  await takeShots(stack);
  return 0;
});
await rm(dataDir, { recursive: true, force: true });
process.exit(status);

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
      const png = await take(shot, shot.url);
      const file = join(root, "docs/images", `${shot.name}.webp`);
      const { size } = await sharp(png).webp({ quality: 82, effort: 6 }).toFile(file);
      console.log(`docs/images/${shot.name}.webp  ${Math.round(size / 1_000)} KB`);
    }
  } finally {
    await browser.close();
  }

  async function take({ window, act }: Shot, url: string): Promise<Buffer> {
    const context = await browser.newContext(window);
    const page = await context.newPage();
    await page.goto(url, { waitUntil: "networkidle" });
    await act?.(page);
    const png = await page.screenshot({ animations: "disabled" });
    await context.close();
    return png;
  }
}
