import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import packageJson from "../../package.json";

type Edit = { file: string; from: string; to: string };

/** Defects that the schedules have to find, or the tests of a power cut, as edits of the sources; `from` occurs exactly once. */
const defects = {
  "no-look-up": [
    {
      file: "activities/generation/send-once.ts",
      from: "    const { total } = await invokeai.getBatchStatus(batchId, signal);\n    if (total > 0) return ledger.accept(deps.now());\n",
      to: "",
    },
  ],
  "no-posted-at": [
    {
      file: "activities/generation/send-once.ts",
      from: "const found = sending.postedAt;",
      to: "const found = null as Date | null;",
    },
    {
      file: "db/queries/steps/sending-ledgers.ts",
      from: ".set({ postedAt: params.now })",
      to: ".set({ batchId: params.batchId })",
    },
  ],
  "no-rename": [
    {
      file: "media/storage/staging.ts",
      from: 'const path = join(folder, `${owner === undefined ? "" : `${owner}.`}${randomUUID()}.part`);',
      to: 'const path = owner === undefined ? join(folder, `${randomUUID()}.part`) : join(folder, "..", owner.slice(-2), `${owner}.png`);\n  await makeFolder(join(path, ".."));',
    },
    {
      file: "media/storage/staging.ts",
      from: "return { path, receive, abort, [Symbol.asyncDispose]: abort };",
      to: "return { path, receive, abort, [Symbol.asyncDispose]: owner === undefined ? abort : async () => {} };",
    },
  ],
  "no-name-look-up": [
    {
      file: "activities/pods/creating.ts",
      from: "filter(({ name }) => name === session.podName)",
      to: "filter(() => false)",
    },
  ],
  "first-page-only": [
    {
      file: "activities/adapters/pods/runpod/pages.ts",
      from: "if (!hasNextPage) return entries;",
      to: "if (!hasNextPage || page === 1) return entries;",
    },
  ],
  "ended-at-204": [
    {
      file: "activities/pods/terminating.ts",
      from: "  if (isKnown) return { pauseMs: Math.min(timings.podPollMs, 2_000) };\n",
      to: "",
    },
  ],
  "no-reaper": [
    {
      file: "activities/pods/reaper.ts",
      from: "for (const { id, name } of orphans) {",
      to: "for (const { id, name } of orphans.slice(orphans.length)) {",
    },
  ],
  "reaper-by-prefix": [
    {
      file: "activities/pods/reaper.ts",
      from: "name.startsWith(prefix)",
      to: 'name.startsWith(prefix.slice(0, "gallery-".length))',
    },
  ],
  "running-is-ready": [
    {
      file: "activities/pods/running.ts",
      from: "(await doesAnswer(invokeai, signal)) && (await provisioned(context, session, invokeai));",
      // Where InvokeAI does not answer, the list of its models does not come either.
      to: '(await doesAnswer(invokeai, signal)) ? await provisioned(context, session, invokeai) : now.getTime() - session.madeAt.getTime() > 5_000 && (await context.provider.get(session.podId, signal))?.status === "running" && { status: "ready", readyAt: now, answeredAt: now, phaseMessage: "" };',
    },
  ],
  "guard-without-end": [
    {
      file: "activities/pods/guard/guard.py",
      from: "if time.time() > END_AT:",
      to: "if False:",
    },
  ],
  "old-batches": [
    {
      file: "activities/pods/guard/order.ts",
      from: '      INVOKEAI_CLEAR_QUEUE_ON_STARTUP: "true",\n',
      to: "",
    },
  ],
  "no-file-flush": [{ file: "media/storage/durable.ts", from: "  await flush(from);\n", to: "" }],
  "no-folder-flush": [
    {
      file: "media/storage/durable.ts",
      from: "  await flush(dirname(to));\n",
      to: "",
    },
  ],
} satisfies Record<string, Edit[]>;

export type DefectName = keyof typeof defects;

export const defectNames = Object.keys(defects) as DefectName[];

export const isDefectName = (name: string): name is DefectName => Object.hasOwn(defects, name);

const project = join(import.meta.dir, "../..");
/** Folders and files that neither worker nor API needs. */
const others = new Set(["bench", "dev", "simulators", "stack", "tests"]);
/** The source folders and files of worker and API. */
const sources = [
  ...Object.values(packageJson.imports)
    .map((path) => path.split("/")[1]!)
    .filter((name) => !others.has(name)),
  "package.json",
  "tsconfig.json",
  "tests/support/processes",
];

/**
 * The changed sources of a defect.
 * @throws Error unless the text to change occurs exactly once
 */
export async function applyDefect(name: DefectName): Promise<Map<string, string>> {
  const changed = new Map<string, string>();
  for (const { file, from, to } of defects[name] as Edit[]) {
    const text = changed.get(file) ?? (await readFile(join(project, file), "utf8"));
    const times = text.split(from).length - 1;
    if (times !== 1)
      throw new Error(`"${name}" changes text that occurs ${times} times in ${file}`);
    changed.set(
      file,
      text.replace(from, () => to),
    );
  }
  return changed;
}

/**
 * Copies the sources of worker and API, with a defect.
 * @returns the folder
 */
export async function copyWithDefect(name: DefectName, folder: string): Promise<string> {
  const changed = await applyDefect(name);
  for (const source of sources) {
    await mkdir(dirname(join(folder, source)), { recursive: true });
    await cp(join(project, source), join(folder, source), { recursive: true });
  }
  await symlink(join(project, "node_modules"), join(folder, "node_modules"));
  for (const [file, text] of changed) await writeFile(join(folder, file), text);
  return folder;
}
