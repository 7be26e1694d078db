import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { Refusal } from "#stack/refusal";
import { runTool } from "./tool";

type Environment = Record<string, string | undefined>;

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const downloadTimeoutMs = 300_000;

const wanted =
  "A Chromium is needed. Install one (Debian: apt-get install chromium), or name its program in GALLERY_TEST_CHROMIUM.";

/**
 * The browser's program: the one in GALLERY_TEST_CHROMIUM, else one on the PATH, else Playwright's own in the user's
 * cache, which is downloaded if necessary.
 * @throws Refusal that tells what to install
 */
async function findChromium(env: Environment): Promise<string> {
  const named = env["GALLERY_TEST_CHROMIUM"];
  if (named !== undefined) {
    if (existsSync(named)) return named;
    throw new Refusal(`GALLERY_TEST_CHROMIUM names no program. ${wanted}`);
  }
  const found = names.map((name) => Bun.which(name, { PATH: env["PATH"] ?? "" })).find(Boolean);
  if (found) return found;
  const own = chromium.executablePath();
  if (!existsSync(own)) await download(env);
  if (existsSync(own)) return own;
  throw new Refusal(wanted);
}

async function download(env: Environment): Promise<void> {
  console.error("No Chromium is installed; Playwright fetches its own …");
  const root = join(import.meta.dir, "..");
  const timeout = Promise.withResolvers<{ success: false; output: string }>();
  const timer = setTimeout(
    () => timeout.resolve({ success: false, output: "it took too long" }),
    downloadTimeoutMs,
  );
  const command = ["node_modules/playwright-core/cli.js", "install", "chromium"];
  const { success, output } = await Promise.race([runTool(root, command, env), timeout.promise]);
  clearTimeout(timer);
  if (success) return;
  throw new Refusal(`${wanted}\nPlaywright could not fetch its own:\n${output.trim()}`);
}

/** Starts a headless Chromium that makes no requests by itself. */
export async function launchChromium(env: Environment): Promise<Browser> {
  return chromium.launch({
    executablePath: await findChromium(env),
    args: [
      // Chromium's sandbox does not start for root, as in a container; it opens only our own pages.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
    ],
    timeout: 60_000,
  });
}
