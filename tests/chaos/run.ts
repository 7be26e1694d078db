import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isNull } from "drizzle-orm";
import { steps } from "#db/schema/steps";
import { createBackupCommands } from "#tests/support/backups";
import { until } from "#tests/support/wait";
import { describeState, haveEnded, openWorkEnds } from "../schedules/quiescence";
import { persist } from "../schedules/user-session";
import { startTestBed, type TemporalServer } from "../schedules/test-bed";
import { startApiFront } from "./api-front";
import { judge } from "./judge";
import { createLedger, type Ledger } from "./ledger";
import { createUser } from "./load";
import { drawFaults, faultKinds } from "./plan";
import { strike } from "./strike";

const users = 4;
/** With more, no further steps are requested. */
const mostLiveSteps = 40;
const settleTimeoutMs = 300_000;

export type ChaosReport = {
  broken: string[];
  struck: Map<string, number>;
  ledger: Ledger;
  log: string;
};

/** Users work and parts fail at random for some time; then, after a quiet period, everything is compared with the ledger. */
export async function runChaos(options: {
  server: TemporalServer;
  seed: number;
  ms: number;
  /** A small disk, for the photos alone. */
  disk: string;
  workerRoot?: string | undefined;
  tell: (line: string) => void;
}): Promise<ChaosReport> {
  const { server, seed, ms, disk, workerRoot, tell } = options;
  const bed = await startTestBed(server, {
    dataIn: disk,
    ...(workerRoot !== undefined && { workerRoot }),
  });
  const api = await startApiFront(bed.stack);
  const folder = await mkdtemp(join(tmpdir(), "gallery-chaos-backups-"));
  const commands = createBackupCommands({
    url: bed.stack.database.url,
    dataDir: bed.stack.dataDir,
  });
  const ledger = createLedger();
  const struck = new Map<string, number>(faultKinds.map((kind) => [kind, 0]));
  const report: ChaosReport = { broken: [], struck, ledger, log: "" };
  const end = performance.now() + ms;
  const isOver = () => performance.now() > end;

  let backup: ReturnType<typeof commands.start> | undefined;
  const backUp = async () => {
    if (backup) return false;
    backup = commands.start({ verb: "backup", folder, keep: 3 });
    const { code } = await backup.ended();
    backup = undefined;
    return code === 0;
  };
  const countLive = () => bed.stack.database.db.$count(steps, isNull(steps.completedAt));
  const isBusy = async () => (await countLive()) > mostLiveSteps;
  const killBackup = () => {
    if (!backup) return false;
    backup.child.kill("SIGKILL");
    return true;
  };

  async function breakThings(): Promise<void> {
    const world = { bed, api, disk, killBackup };
    for (const fault of drawFaults(seed)) {
      await Bun.sleep(fault.afterMs);
      if (isOver()) return;
      const hasStruck = await strike(world, fault);
      if (hasStruck) struck.set(fault.kind, struck.get(fault.kind)! + 1);
      tell(`${hasStruck ? "struck" : "missed"}  ${fault.kind}, ${fault.forMs} ms`);
    }
  }

  try {
    const work = Array.from({ length: users }, (_, at) =>
      createUser(api, ledger, seed * 100 + at, { backUp, isBusy }).work(isOver),
    );
    await Promise.all([breakThings(), ...work]);
    tell("quiet: everything is waited for");
    await bed.stack.invokeai.control.clearFaults();
    await settle();
    if (ledger.backups > 0) await commands.run({ verb: "backup", folder, keep: 3 });
    report.broken.push(...(await judge(bed, api, ledger, { folder, run: commands.run })));
  } catch (error) {
    report.broken.push(
      `it did not settle: ${error instanceof Error ? error.message : String(error)}`,
    );
    report.log = await describeState(bed).catch(String);
  } finally {
    if (report.broken.length > 0) {
      report.log = [report.log, ...bed.worker.outputs()].join("\n--- next worker\n");
    }
    commands.killAll();
    await api.stop();
    await bed.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return report;

  async function settle(): Promise<void> {
    let left = 0;
    await until(
      "the end of all steps",
      async () => (left = await countLive()) === 0 && haveEnded(bed, [...ledger.steps]),
      settleTimeoutMs,
      () => `${left} steps are live`,
      500,
    );
    for (const id of ledger.sessions) {
      const body = { status: "completed" };
      await persist(() => api.client().patch(`/generation/sessions/${id}`, body));
    }
    await openWorkEnds(bed, settleTimeoutMs);
    await until(
      "an API that answers",
      () =>
        fetch(`${api.url()}/health`).then(
          ({ ok }) => ok,
          () => false,
        ),
      60_000,
    );
  }
}
