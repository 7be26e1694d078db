import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Refusal } from "#stack/refusal";
import { waitFor } from "#stack/wait";
import { printVerdict } from "../test-report";
import { type Cluster, startCluster } from "./cluster";
import { followEvents } from "./event-reader";
import { durationOf, type Fault, type FaultTimes, strike } from "./faults";
import { judge } from "./judge";
import { type LoadSize, startLoad } from "./load";

const full: { size: LoadSize; times: FaultTimes; faults: readonly Fault[] } = {
  size: { steps: 200, uploads: 2_000, imports: 200 },
  times: { cutMs: 60_000, slowMs: 15_000, restMs: 3_000 },
  faults: ["killed", "cut off", "slowed"],
};
/** Each machine is struck once. */
const short: typeof full = {
  size: { steps: 12, uploads: 100, imports: 20 },
  times: { cutMs: 6_000, slowMs: 5_000, restMs: 1_000 },
  faults: ["killed", "cut off", "slowed"],
};
const settleMs = 900_000;

/**
 * `./gallery test --machines [--short]`: runs the gallery on eleven machines, each a network namespace, strikes each of them
 * while clients upload, generate and import, and judges from outside what became of it.
 * @returns the exit status; the last line printed is `N passed, N failed`
 * @throws Refusal without root, or without the tools that it needs
 */
export async function runMachines(
  root: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "--machines"),
    options: { short: { type: "boolean", default: false } },
  });
  if (process.getuid?.() !== 0) throw new Refusal("The test of several machines needs root.");
  const { size, times, faults } = values.short ? short : full;
  const folder = await mkdtemp(join(tmpdir(), "gallery-machines-"));
  const startedAt = performance.now();
  const say = (line: string) => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0).padStart(5);
    console.log(`${seconds} s  ${line}`);
  };
  const cluster = await startCluster(root, env, folder);
  let isKept = true;
  try {
    say(`${cluster.machines.length} machines run`);
    const streams = cluster.apiUrls.map((url) => followEvents(url, cluster.headers));
    await waitFor(() => streams.every(({ ids }) => ids.length > 0) || undefined, {
      timeoutMs: 30_000,
      onTimeout: () => new Refusal("An event stream does not begin."),
    });
    const strikes = faults.flatMap((fault, round) =>
      cluster.machines
        // In the short version each machine is struck once, with another fault than its neighbour.
        .filter((_, index) => !values.short || index % faults.length === round)
        .map((machine) => ({ machine, fault })),
    );
    const duration = strikes.reduce((sum, { fault }) => sum + durationOf(fault, times), 0);
    const load = startLoad(cluster, size, duration);
    for (const { machine, fault } of strikes) {
      say(`${machine.name} ${fault}`);
      await strike(machine, fault, times);
    }
    say("all faults are over");
    await cluster.isReady(120_000);
    await load.done;
    say("all requests are answered");
    await settle(cluster, load.ledger.importId, load.get);
    say("all work has ended");
    // Streams poll every 5 s at the latest.
    await Bun.sleep(7_000);
    await Promise.all(streams.map((stream) => stream.stop()));
    const journal = join(folder, "generated.jsonl");
    const findings = await judge(cluster, load.ledger, { journal, streams });
    const repeated = [...load.ledger.repeated].map(([reason, times]) => `${reason} ${times}×`);
    console.log(`repeated requests: ${repeated.join(", ") || "none"}\n`);
    for (const { promise, fault } of findings) {
      console.log(`${fault === undefined ? "ok    " : "FAILED"}  ${promise}`);
      if (fault !== undefined) console.log(`        ${fault}`);
    }
    const failed = findings.filter(({ fault }) => fault !== undefined).length;
    isKept = failed > 0;
    return printVerdict({ passed: findings.length - failed, failed, skipped: 0 }, 0);
  } finally {
    await cluster.stop();
    if (isKept) console.log(`Logs are in ${folder}.`);
    else await rm(folder, { recursive: true, force: true });
  }
}

/** Until no step, retrieval or import is under way. */
async function settle(
  cluster: Cluster,
  importId: string,
  get: (path: string) => Promise<Record<string, unknown>>,
): Promise<void> {
  const { sql } = cluster.rows;
  await waitFor(
    async () => {
      const [open] = await sql`
        select (select count(*) from steps where status in ('pending', 'processing'))
          + (select count(*) from photos where retrieval_status in ('pending', 'processing')) as count`;
      if (Number(open?.["count"]) > 0) return undefined;
      const { status } = await get(`/photos/imports/${importId}`);
      return status === "pending" || status === "processing" ? undefined : true;
    },
    {
      timeoutMs: settleMs,
      everyMs: 1_000,
      onTimeout: () => new Refusal("Work is under way after a quarter of an hour without faults."),
    },
  );
}
