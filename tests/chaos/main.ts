import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { onSmallDisk } from "#tests/support/small-disk";
import { startTemporalServer } from "#tests/support/temporal-server";
import { copyWithDefect, defectNames, isDefectName } from "../schedules/planted-defects";
import { runChaos } from "./run";

/** Holds the photos of ten minutes many times over, and is filled in a moment. */
const diskMegabytes = 256;

const { values } = parseArgs({
  options: {
    chaos: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    planted: { type: "string" },
    /** The small disk; main.ts mounts it and starts itself again. */
    disk: { type: "string" },
  },
});
const [minutes, seed] = [Number(values.chaos), Number(values.seed)];
const { planted } = values;
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error("usage: ./gallery test --chaos MINUTES [--seed N] [--planted NAME]");
  process.exit(2);
}
if (planted !== undefined && !isDefectName(planted)) {
  console.error(`there is no planted defect "${planted}"; there are: ${defectNames.join(", ")}`);
  process.exit(2);
}
process.exit(await (values.disk === undefined ? runOnDisk() : run(values.disk)));

/** Starts this program again in a mount namespace with a small disk, which disappears with its last process. */
async function runOnDisk(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "gallery-chaos-"));
  const again = [process.execPath, "--no-env-file", import.meta.path, ...process.argv.slice(2)];
  const child = Bun.spawn(
    [...onSmallDisk({ folder, megabytes: diskMegabytes }), ...again, "--disk", folder],
    { stdin: "ignore", stdout: "inherit", stderr: "inherit" },
  );
  const code = await child.exited;
  await rm(folder, { recursive: true, force: true });
  return code;
}

async function run(disk: string): Promise<number> {
  const startedAt = performance.now();
  const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4);
  const tell = (line: string) => console.log(`${seconds()} s  ${line}`);
  const logs = await mkdtemp(join(tmpdir(), "gallery-chaos-logs-"));
  const workerRoot =
    planted && isDefectName(planted)
      ? await copyWithDefect(planted, join(logs, "planted"))
      : undefined;
  const server = await startTemporalServer();
  const { broken, struck, ledger, log } = await runChaos({
    server,
    seed,
    ms: minutes * 60_000,
    disk,
    workerRoot,
    tell,
  }).finally(() => server.stop());

  console.log("\nfault                 struck");
  for (const [kind, times] of struck) console.log(`${kind.padEnd(20)}${String(times).padStart(8)}`);
  console.log("\naction              answered  not answered or refused");
  for (const [name, { done, refused }] of ledger.actions) {
    console.log(`${name.padEnd(20)}${String(done).padStart(8)}${String(refused).padStart(8)}`);
  }
  const { uploads, steps, links, backups } = ledger;
  console.log(
    `\nin the ledger: ${uploads.size} uploads, ${steps.size} steps, ${links.size} links, ${backups} backups`,
  );
  for (const what of broken) console.log(`BROKEN  ${what}`);
  if (workerRoot !== undefined) await rm(workerRoot, { recursive: true });
  if (broken.length === 0) {
    await rm(logs, { recursive: true });
    console.log(
      planted === undefined ? `every promise was kept, seed ${seed}` : `"${planted}" was NOT found`,
    );
    return planted === undefined ? 0 : 1;
  }
  await writeFile(join(logs, "log"), log);
  console.log(`the workers' log: ${logs}/log`);
  console.log(`to repeat it: ./gallery test --chaos ${minutes} --seed ${seed}`);
  if (planted !== undefined) console.log(`"${planted}" was found`);
  return planted === undefined ? 1 : 0;
}
