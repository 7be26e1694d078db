import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { allowedEnvironment } from "#stack/environment";
import { type RunningStack, up } from "#stack/up";
import { launchChromium } from "../chromium";
import type { Shot } from "./shots";

const root = dirname(dirname(import.meta.dir));

/**
 * Starts a gallery of its own and a browser, lets `work` use them, and ends the program.
 * @param more variables of the gallery
 */
export async function inGallery(
  work: (stack: RunningStack, browser: Browser) => Promise<void>,
  more: Record<string, string | undefined> = {},
): Promise<never> {
  const dataDir = await mkdtemp(join(tmpdir(), "gallery-screenshots-"));
  const env = { ...allowedEnvironment(process.env), ...more };
  const options = { port: 0, dataDir, demo: false, remoteDemo: false, once: true, watch: false };
  const status = await up(root, options, env, async (stack) => {
    const browser = await launchChromium(env);
    try {
      await work(stack, browser);
    } finally {
      await browser.close();
    }
    return 0;
  });
  await rm(dataDir, { recursive: true, force: true });
  process.exit(status);
}

/** Writes a picture of the documents. */
export async function keep(name: string, png: Buffer): Promise<void> {
  const file = join(root, "docs/images", `${name}.webp`);
  const { size } = await sharp(png).webp({ quality: 82, effort: 6 }).toFile(file);
  console.log(`docs/images/${name}.webp  ${Math.round(size / 1_000)} KB`);
}

/** A picture of a page of its own. */
export async function take(
  browser: Browser,
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
