import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { smallPng } from "#tests/support/png";
import { startStack, type Stack } from "#tests/support/stack";
import { until } from "#tests/support/wait";
import { given, required } from "#tests/support/environment";

const root = join(import.meta.dir, "../..");
const token = "a-token-that-nobody-may-read";

type Finding = { part: string; state: "ok" | "warning" | "fault"; text: string; advice?: string };

let stack: Stack;
let url: string;

beforeAll(async () => {
  stack = await startStack({ env: { API_TOKEN: token } });
  await stack.startWorker();
  url = (await stack.startApi()).url;
}, 90_000);
afterAll(() => stack.stop(), 60_000);

/** Runs `./gallery doctor` as an owner does, with this in its environment. */
async function runDoctor(env: Record<string, string> = {}, ...args: string[]) {
  const child = Bun.spawn([process.execPath, "--no-env-file", "cli.ts", "doctor", ...args], {
    cwd: root,
    env: {
      PATH: given("PATH"),
      HOME: given("HOME"),
      DATABASE_URL: stack.database.url,
      TEMPORAL_ADDRESS: required("TEST_TEMPORAL_ADDRESS"),
      DATA_DIR: stack.dataDir,
      API_TOKEN: token,
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors] = await Promise.all(
    [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
  );
  const code = await child.exited;
  const findings = args.includes("--json")
    ? (JSON.parse(output!) as { findings: Finding[] }).findings
    : [];
  return { code, text: `${output}${errors}`, findings };
}

const examine = async (env: Record<string, string> = {}) => runDoctor(env, "--json", "--api", url);

const faultsIn = (findings: Finding[]) =>
  findings.filter(({ state }) => state === "fault").map(({ part }) => part);

test("a gallery that is well has no fault, and each part is named", async () => {
  const { code, text } = await until(
    "a gallery without faults",
    async () => {
      const found = await runDoctor({}, "--api", url);
      return found.code === 0 ? found : undefined;
    },
    60_000,
  );
  expect(code).toBe(0);
  for (const part of [
    "settings",
    "database",
    "storage",
    "originals",
    "api",
    "temporal",
    "workers",
  ]) {
    expect(text).toMatch(new RegExp(`^ok +${part} `, "m"));
  }
  for (const part of ["schedules", "requests", "invokeai", "pods"]) {
    expect(text).toMatch(new RegExp(`^ok +${part} `, "m"));
  }
  expect(text).toContain("usable models");
  expect(text).toMatch(/^warning +backups +there is none\n +Set BACKUP_TO/m);
}, 90_000);

test("with everything away it names each part, says what to do, ends, and shows no secret", async () => {
  // Accepts connections and never answers.
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    const address = `127.0.0.1:${silent.port}`;
    const { code, text } = await runDoctor(
      {
        DATABASE_URL: `postgres://gallery:secret-of-the-database@${address}/gallery`,
        TEMPORAL_ADDRESS: address,
        RUNPOD_API_KEY: "rpa_SECRETKEY",
        RUNPOD_API_URL: `http://${address}`,
        DATA_DIR: join(stack.dataDir, "nowhere"),
      },
      "--api",
      `http://${address}`,
    );
    expect(code).toBe(1);
    for (const part of ["database", "storage", "api", "temporal", "pods"]) {
      expect(text).toMatch(new RegExp(`^fault +${part} .*\n {22}\\S`, "m"));
    }
    for (const secret of ["secret-of-the-database", "rpa_SECRETKEY", token]) {
      expect(text).not.toContain(secret);
    }
  } finally {
    silent.stop(true);
  }
}, 60_000);

test("an original that is lost, a failed backup, a marker and a mark of another gallery are faults", async () => {
  const photo = await fetch(`${url}/api/v1/photos`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: await formOf(await smallPng()),
  }).then((answer) => answer.json() as Promise<{ id: string }>);
  const { db } = stack.database;
  const id = crypto.randomUUID();
  await db.execute(sql`insert into original_checks (photo_id, checked_at, fault, fault_found_at)
    values (${photo.id}, now(), 'missing', now())`);
  await db.execute(sql`insert into backups (id, name, folder, trigger, status, started_at, ended_at, error)
    values (${id}, 'one', '/nowhere', 'schedule', 'failed', now(), now(), 'no room')`);
  await db.execute(sql`update installation set restoring_backup_id = ${id}`);
  const marker = join(stack.dataDir, "photos/.installation");
  const before = await Bun.file(marker).text();
  await writeFile(marker, `${crypto.randomUUID()}\n`);
  try {
    const { code, findings } = await examine();
    expect(code).toBe(1);
    expect(faultsIn(findings)).toEqual(
      expect.arrayContaining(["database", "storage", "originals", "backups"]),
    );
    expect(findings.find(({ part }) => part === "originals")?.text).toStartWith("1 original ");
  } finally {
    await writeFile(marker, before);
    await db.execute(sql`update installation set restoring_backup_id = null`);
    await db.execute(sql`delete from backups`);
    await db.execute(sql`delete from original_checks`);
  }
}, 60_000);

test("missing migrations are named, and do not make other parts look broken", async () => {
  const { db } = stack.database;
  const [last] = await db.execute<{ id: number; hash: string; created_at: string }>(
    sql`delete from drizzle.__drizzle_migrations where created_at =
      (select max(created_at) from drizzle.__drizzle_migrations) returning *`,
  );
  try {
    const { findings } = await examine();
    const database = findings.filter(({ part }) => part === "database");
    expect(database.map(({ text }) => text)).toContain("1 migration is missing");
    expect(faultsIn(findings)).not.toContain("invokeai");
  } finally {
    await db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at)
      values (${last!.hash}, ${last!.created_at})`);
  }
}, 60_000);

test("a request without a run, that waits for hours, and a paused schedule are named", async () => {
  const { db } = stack.database;
  const photoImport = crypto.randomUUID();
  await db.execute(sql`insert into photo_imports (id, path, status, created_at)
    values (${photoImport}, '/somewhere', 'failed', now() - interval '5 hours')`);
  await stack.temporal.schedule.getHandle("housekeeping/reconcile").pause();
  try {
    await db.execute(sql`update photo_imports set status = 'processing' where id = ${photoImport}`);
    // A busy Temporal answers for a schedule only after it has taken the pause.
    const texts = await until("a paused schedule", async () => {
      const { findings } = await examine();
      const wrong = findings.filter(({ state }) => state !== "ok").map(({ text }) => text);
      return wrong.includes("paused: reconcile") && wrong;
    });
    expect(texts).toContain(`1 request without a run, such as photo-import/${photoImport}`);
    expect(texts).toContain("1 import waited for more than an hour, up to 5 hours");
  } finally {
    await db.execute(sql`delete from photo_imports`);
    await stack.temporal.schedule.getHandle("housekeeping/reconcile").unpause();
  }
}, 60_000);

async function formOf(bytes: Uint8Array): Promise<FormData> {
  const form = new FormData();
  form.append("file", new File([new Uint8Array(bytes)], "picture.png"));
  return form;
}
