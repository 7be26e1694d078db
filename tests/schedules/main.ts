import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runLanes } from "./lanes";
import { copyWithDefect, defectNames, isDefectName } from "./planted-defects";
import { podSchedules } from "./pods/runner";
import type { Report, ScheduleRunner } from "./runner";
import { mixedSchedules, sessionSchedules } from "./sessions";
import { describeAll, describeReport } from "./summary";

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "300" },
    /** The first one; with `--schedules 1` the only one. */
    seed: { type: "string", default: "1" },
    lanes: { type: "string", default: "3" },
    planted: { type: "string" },
    pods: { type: "boolean", default: false },
    mixed: { type: "boolean", default: false },
  },
});

const [amount, first, lanes] = [values.schedules, values.seed, values.lanes].map(Number);
const { planted } = values;
if (planted !== undefined && !isDefectName(planted)) {
  console.error(`there is no planted defect "${planted}"; there are: ${defectNames.join(", ")}`);
  process.exit(2);
}

const family = values.pods ? " --pods" : values.mixed ? " --mixed" : "";
const startedAt = performance.now();
const reports: Report[] = [];
const seeds = Array.from({ length: amount! }, (_, index) => first! + index);
const logs = await mkdtemp(join(tmpdir(), "gallery-schedules-"));
const workerRoot = planted && (await copyWithDefect(planted, join(logs, "planted")));

function tell(report: Report): boolean {
  reports.push(report);
  console.log(describeReport(report));
  if (report.broken.length === 0) return true;
  const log = join(logs, `worker-${report.seed}.log`);
  void writeFile(log, report.log);
  console.log(`    the workers' log: ${log}`);
  const again = `--schedules 1${family} --seed ${report.seed}`;
  console.log(`    to repeat it: ./gallery test ${again}`);
  // For a planted defect one finding is enough.
  return planted === undefined;
}

async function runAll<Bed extends { stop(): Promise<void> }>(
  runner: ScheduleRunner<Bed>,
): Promise<readonly string[]> {
  await runLanes(runner, seeds, lanes!, tell, workerRoot === undefined ? {} : { workerRoot });
  return runner.faultKinds;
}

const faultKinds = await (values.pods
  ? runAll(podSchedules)
  : runAll(values.mixed ? mixedSchedules : sessionSchedules));

const broken = reports.filter((report) => report.broken.length > 0);
console.log(`\n${describeAll(faultKinds, reports, performance.now() - startedAt)}`);
if (planted !== undefined) {
  console.log(
    broken.length > 0
      ? `"${planted}" was found by seed ${broken[0]!.seed}, schedule ${reports.length} of ${seeds.length}`
      : `"${planted}" was NOT found`,
  );
}
if (workerRoot !== undefined) await rm(workerRoot, { recursive: true });
if (broken.length === 0) await rm(logs, { recursive: true });
// Temporal's client keeps native handles.
process.exit((planted === undefined) === (broken.length === 0) ? 0 : 1);
