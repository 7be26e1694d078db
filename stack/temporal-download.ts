import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const connectTimeoutMs = 8_000;
const stallTimeoutMs = 20_000;

/** A release whose server is 1.32.0. */
export const downloadedVersion = "1.9.1";

/** Downloads Temporal's own release into `folder`. A network that drops packets costs 8 s. */
export async function downloadTemporal(
  folder: string,
  { say }: { say: (line: string) => void },
): Promise<string> {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const url = `https://temporal.download/cli/archive/v${downloadedVersion}?platform=${process.platform}&arch=${arch}`;
  say(`Temporal: downloading ${downloadedVersion} …`);
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), connectTimeoutMs);
  const archive = join(folder, "temporal.tar.gz");
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || response.body === null) throw new Error(`answered ${response.status}`);
    const body = Readable.fromWeb(response.body as never);
    body.on("data", () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), stallTimeoutMs);
    });
    await pipeline(body, createWriteStream(archive), { signal: abort.signal });
  } catch (error) {
    if (abort.signal.aborted) throw new Error("https://temporal.download did not answer in time");
    throw new Error(`https://temporal.download: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
  }
  const tar = Bun.spawn(["tar", "-xzf", archive, "-C", folder, "temporal"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: process.env["PATH"] },
  });
  const complaint = await new Response(tar.stderr).text();
  if ((await tar.exited) !== 0) throw new Error(`the archive cannot be unpacked: ${complaint}`);
  return join(folder, "temporal");
}
