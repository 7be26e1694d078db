import { cpus, loadavg, totalmem } from "node:os";
import { Refusal } from "#stack/refusal";
import { measureBackup } from "./measurements/backup";
import { measureMemory } from "./measurements/generation-memory";
import { measureProgress } from "./measurements/generation-progress";
import { measureRecipes } from "./measurements/generation-recipes";
import { measureReal } from "./measurements/generation-real";
import { measureRetrieval } from "./measurements/generation-retrieval";
import { measureSteps } from "./measurements/generation-steps";
import { measureIngest } from "./measurements/ingest";
import { measureLibraryLists } from "./measurements/library-lists";
import { measureImportOf } from "./measurements/library-import";
import { measureLibraryOf } from "./measurements/library-size";
import { measureSharePage } from "./measurements/library-share";
import { measureZip } from "./measurements/library-zip";
import { measureLine } from "./measurements/line";
import { measureList } from "./measurements/list";
import { measureMirror } from "./measurements/mirror";
import { measureMirrorOf } from "./measurements/mirror-many";
import { measureSessions } from "./measurements/sessions";
import { measureStart } from "./measurements/start";
import { measureThumbnails } from "./measurements/thumbnails";
import { measureVisitors } from "./measurements/visitors";
import { measureWorkers } from "./measurements/workers";
import { readMemory } from "./memory";
import { type MeasureOptions, parseBenchArguments } from "./options";
import { type BenchStack, startBenchStack } from "./stack";
import { formatTable, type Row } from "./table";

type Measurement = (stack: BenchStack, options: MeasureOptions) => Promise<Row[]>;

const measurements: Record<string, Measurement> = {
  ingest: measureIngest,
  thumbnails: measureThumbnails,
  sessions: measureSessions,
  // Last, because the size of its rows does not affect the others.
  list: measureList,
};
const start = "start";

/** Hostile visitors; measured only when named. */
const harm: Record<string, Measurement> = { visitors: measureVisitors };

/**
 * A library of many years, which takes long to fill; measured only when `library` or one of its measurements is named.
 */
const library: Record<string, Measurement> = {
  "library/share": measureSharePage,
  "library/zip": measureZip,
  "library/import": measureImportOf(1_000),
  // Last, because it fills the library.
  "library/lists": measureLibraryLists,
};

/**
 * Generation as a user experiences it over an evening; measured only when `generation` or one of its measurements is
 * named.
 */
const generation: Record<string, Measurement> = {
  "generation/steps": measureSteps,
  "generation/recipes": measureRecipes,
  "generation/progress": measureProgress,
  "generation/retrieval": measureRetrieval,
  "generation/real": measureReal,
  "generation/memory": measureMemory,
};

/** Two thousand pictures of InvokeAI's own page; measured only when named. */
const mirror: Record<string, Measurement> = { mirror: measureMirror };

/** A line of hundreds of steps; measured only when named. */
const line: Record<string, Measurement> = { line: measureLine };

/** Backup and restore of fifty thousand photos; measured only when named. */
const backup: Record<string, Measurement> = { backup: measureBackup };

/** Small workers on one machine, as machines of a cluster; needs the right to make control groups, so only when named. */
const workers: Record<string, Measurement> = { workers: measureWorkers };

/** Take a quarter of an hour or more; measured only when named. */
const long: Record<string, Measurement> = {
  "import-of-10000": measureImportOf(10_000),
  "mirror-of-10000": measureMirrorOf(10_000),
  "mirror-of-50000": measureMirrorOf(50_000),
  "library-of-2000000": measureLibraryOf(2_000_000),
  "library-of-10000000": measureLibraryOf(10_000_000),
};

/**
 * `./gallery bench [name…] [--short] [--invokeai URL]`: runs the named measurements, or all except the groups, and
 * prints one table.
 * @returns the exit status; a missed aim is a result, not a failure
 */
export async function runBenchmarks(
  root: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const { names, options } = parseBenchArguments(args);
  const usual = [...Object.keys(measurements), start];
  const groups: Record<string, object> = { library, generation };
  const members = Object.values(groups).flatMap((group) => Object.keys(group));
  const known = [
    ...usual,
    ...Object.keys(groups),
    ...members,
    ...Object.keys(harm),
    ...Object.keys(mirror),
    ...Object.keys(line),
    ...Object.keys(backup),
    ...Object.keys(workers),
    ...Object.keys(long),
  ];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Refusal(`There is no measurement "${unknown}"; there are: ${known.join(", ")}.`);
  }
  const wanted = names.length === 0 ? usual : [...names];
  for (const [group, its] of Object.entries(groups)) {
    if (wanted.includes(group)) wanted.push(...Object.keys(its));
  }
  console.error(describeMachine());
  const rows = [
    ...(await measureStack(root, env, wanted, options)),
    ...(wanted.includes(start) ? await announced(start, () => measureStart(root)) : []),
  ];
  console.log(formatTable(rows));
  console.error(`load average at the end: ${loadavg()[0]!.toFixed(1)}`);
  return 0;
}

/** Runs the measurements that need a running gallery, and adds the peak memory of its processes. */
async function measureStack(
  root: string,
  env: Record<string, string | undefined>,
  wanted: readonly string[],
  options: MeasureOptions,
): Promise<Row[]> {
  const all = {
    ...measurements,
    ...library,
    ...generation,
    ...harm,
    ...mirror,
    ...line,
    ...backup,
    ...workers,
    ...long,
  };
  const measured = Object.entries(all).filter(([name]) => wanted.includes(name));
  if (measured.length === 0) return [];
  const stack = await announced("the start of the services", () => startBenchStack(root, env));
  try {
    const rows: Row[] = [];
    for (const [name, measure] of measured) {
      rows.push(...(await announced(name, () => measure(stack, options))));
    }
    for (const { name, pid } of [stack.api, stack.worker]) {
      const memory = await readMemory(pid);
      if (memory) rows.push({ what: `memory of ${name}, peak`, ours: memory.peak, unit: "MB" });
    }
    return rows;
  } finally {
    await stack.stop();
  }
}

async function announced<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  process.stderr.write(`${what} … `);
  const result = await work();
  console.error(`${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  return result;
}

function describeMachine(): string {
  const processors = cpus();
  const gigabytes = (totalmem() / 1e9).toFixed(0);
  const load = loadavg()[0]!.toFixed(1);
  return `${processors.length} × ${processors[0]?.model}, ${gigabytes} GB, Bun ${Bun.version}; load before: ${load}`;
}
