import { mkdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { addPngText } from "#simulators/invokeai/png-text";
import { readMemory } from "../memory";
import { paintPictures } from "../pictures";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

/** One of this many files is large. */
const largeShare = 50;
const largeBytes = 10_000_000;
const lookEveryMs = 1_000;

/** A folder of distinct pictures, against the same derivatives of the same files in a plain loop. */
export const measureImportOf =
  (files: number) =>
  async (stack: BenchStack): Promise<Row[]> => {
    const folder = join(stack.folder, "import");
    const paths = await writeFolder(folder, files);
    const { pid } = stack.worker;
    // The first pictures include the cost of the process's start.
    await importFolder(stack, await warmUpFolder(stack, paths));
    // Half of it before and half after, so that other load on the machine affects both equally.
    const before = await deriveInLoop(paths.filter((_, at) => at % 4 < 2));
    const memory: number[] = [];
    const looking = setInterval(async () => {
      const seen = await readMemory(pid);
      if (seen) memory.push(seen.now);
    }, lookEveryMs);
    const startedAt = performance.now();
    const done = await importFolder(stack, folder);
    clearInterval(looking);
    const ours = files / ((performance.now() - startedAt) / 1_000);
    if (done.imported !== files) throw new Error(`imported ${done.imported} of ${files} files`);
    const after = await deriveInLoop(paths.filter((_, at) => at % 4 >= 2));
    const plain = 2 / (1 / before + 1 / after);
    await rm(folder, { recursive: true });
    const third = Math.max(1, Math.floor(memory.length / 3));
    const most = (list: number[]) => Math.max(0, ...list);
    return [
      {
        what: `import of ${files} files, one in ${largeShare} of 10 MB or more`,
        ours,
        unit: "/s",
        baseline: { what: "plain sharp loop", value: plain },
        aim: { atLeast: 0.6 },
      },
      {
        what: "the worker's memory in the last third of it, at most",
        ours: most(memory.slice(-third)),
        unit: "MB",
        baseline: { what: "in the first third", value: most(memory.slice(0, third)) },
        aim: { atMost: 1.2 },
      },
    ];
  };

/** Files per second. */
function deriveInLoop(files: readonly string[]): Promise<number> {
  return runScript<number>("baseline-derive", {
    files,
    atOnce: Math.min(2, availableParallelism()),
  });
}

export async function importFolder(
  { url }: BenchStack,
  path: string,
): Promise<{ imported: number }> {
  const answer = await fetch(`${url}/api/v1/photos/import`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path }),
  });
  const { id } = (await answer.json()) as { id?: string };
  if (id === undefined) throw new Error(`the import was answered with ${answer.status}`);
  for (;;) {
    const seen = await fetch(`${url}/api/v1/photos/imports/${id}`);
    const { status, imported } = (await seen.json()) as { status: string; imported: number };
    if (status === "completed") return { imported };
    if (status === "failed") throw new Error("the import failed");
    await Bun.sleep(100);
  }
}

async function warmUpFolder(stack: BenchStack, paths: readonly string[]): Promise<string> {
  const folder = join(stack.folder, "import-warm-up");
  await mkdir(folder);
  for (const [at, path] of paths.slice(0, 20).entries()) {
    const png = Buffer.from(await Bun.file(path).arrayBuffer());
    await writeFile(join(folder, `${at}.png`), addPngText(png, { Title: `warm-up ${at}` }));
  }
  return folder;
}

/** Pictures that look the same, but each file has different bytes. */
async function writeFolder(folder: string, files: number): Promise<string[]> {
  await mkdir(folder);
  const painted = await paintPictures(12);
  // As many sizes as is practical: a quarter of a camera's pixels, so that ten thousand files fit on a disk.
  const small = await Promise.all(
    painted.map((png) => sharp(png).resize(512, 512).png({ compressionLevel: 3 }).toBuffer()),
  );
  const tiles = painted.slice(0, 9).map((input, at) => ({
    input,
    left: (at % 3) * 1024,
    top: Math.floor(at / 3) * 1024,
  }));
  const create = { width: 3072, height: 3072, channels: 3 as const, background: "black" };
  const large = await sharp({ create }).composite(tiles).png({ compressionLevel: 3 }).toBuffer();
  if (large.length < largeBytes) throw new Error("the large picture is too small");
  const paths: string[] = [];
  for (let at = 0; at < files; at += 1) {
    const png = at % largeShare === 0 ? large : small[at % small.length]!;
    const path = join(folder, `${String(at).padStart(5, "0")}.png`);
    await writeFile(path, addPngText(png, { Title: `import ${at}` }));
    paths.push(path);
  }
  return paths;
}
