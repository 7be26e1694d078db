import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "bun:test";
import { prepareBackupStore } from "#media/backup/store";
import { sha256Of } from "#sha256";

const root = new URL("../../", import.meta.url).pathname;
const scratch = await mkdtemp(join(tmpdir(), "gallery-failing-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

const program = `
  import { prepareBackupStore } from "#media/backup/store";
  const [folder, installationId, path, sha256, bytes] = process.argv.slice(-5);
  const store = await prepareBackupStore(folder, { installationId, expectsBackups: true });
  const kept = store.originals.keep(path, { sha256, bytes: Number(bytes) });
  console.log(await kept.catch((error) => error.message));
  process.exit(0);`;

test("a disk of backups that fails to flush is named; the original is not called damaged, and no copy is stored", async () => {
  const folder = join(scratch, "backups");
  const installationId = crypto.randomUUID();
  const store = await prepareBackupStore(folder, { installationId, expectsBackups: false });
  const bytes = crypto.getRandomValues(new Uint8Array(5_000));
  const original = join(scratch, "original");
  await writeFile(original, bytes);

  async function keep(wantedHash: string): Promise<string> {
    const failing = "strace -f -o /dev/null -e trace=fsync -e inject=fsync:error=EIO".split(" ");
    const args = [folder, installationId, original, wantedHash, String(bytes.length)];
    const running = Bun.spawn(
      [...failing, process.execPath, "--no-env-file", "-e", program, ...args],
      { cwd: root, stderr: "inherit" },
    );
    return (await new Response(running.stdout).text()).trim();
  }

  expect(await keep(sha256Of(bytes))).toContain("disk of the backups did not keep");
  // Where the original is damaged as well, the disk's own error stays.
  expect(await keep(sha256Of("other bytes"))).toContain("EIO");
  expect(await Array.fromAsync(store.originals.list())).toEqual([]);
  expect(await readdir(join(folder, "unfinished"))).toEqual([]);
}, 60_000);
