import { readFile } from "node:fs/promises";
import { asc, eq, inArray, sql } from "drizzle-orm";
import { events } from "#db/schema/events";
import { photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { parseKey } from "#media/storage/keys";
import { sha256OfStream } from "#sha256";
import type { Cluster } from "./cluster";
import type { followEvents } from "./event-reader";
import type { Ledger } from "./load";

type Finding = { promise: string; fault: string | undefined };

/** Compares what clients were promised with rows, store and InvokeAI's own journal. */
export async function judge(
  { rows: { db }, objects }: Cluster,
  ledger: Ledger,
  others: { journal: string; streams: ReturnType<typeof followEvents>[] },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const check = (promise: string, fault: string | undefined) => findings.push({ promise, fault });
  const all = await db.select().from(photos);
  const byId = new Map(all.map((photo) => [photo.id, photo]));

  const changed = [...ledger.uploads].filter(([id, hash]) => byId.get(id)?.contentHash !== hash);
  check(
    `${ledger.uploads.size} acknowledged uploads have their row`,
    some(changed.map(([id]) => id)),
  );
  const uploaded = all.filter(({ kind }) => kind === "uploaded");
  const expected = new Set([...ledger.uploads.values(), ...ledger.imported]);
  const found = new Set(uploaded.map(({ contentHash }) => contentHash!));
  check(
    `${expected.size} pictures were uploaded or imported, each is one photo`,
    uploaded.length === expected.size && expected.difference(found).size === 0
      ? undefined
      : `${uploaded.length} photos, ${expected.difference(found).size} missing`,
  );

  const ids = [...ledger.steps.keys()];
  const ended = await db
    .select({ id: steps.id, status: steps.status })
    .from(steps)
    .where(inArray(steps.id, ids));
  check(
    `${ids.length} accepted steps are completed`,
    ended.length === ids.length
      ? some(ended.filter(({ status }) => status !== "completed").map(({ id }) => id))
      : `${ended.length} rows`,
  );
  const total = await db.$count(steps);
  check("no request was taken twice", total === ids.length ? undefined : `${total} steps`);
  const filled = await db
    .select({ stepId: slots.stepId })
    .from(slots)
    .where(eq(slots.status, "filled"));
  const generated = all.filter(({ kind }) => kind === "generated");
  const isWhole = generated.every(({ retrievalStatus }) => retrievalStatus === "completed");
  check(
    `${ids.length} images are here, one for each step`,
    filled.length === ids.length && generated.length === ids.length && isWhole
      ? undefined
      : `${filled.length} slots filled, ${generated.length} photos`,
  );

  // Written by InvokeAI itself, so it also has images that the gallery does not know.
  const journal = await readFile(others.journal, "utf8").catch(() => "");
  const seeds = journal
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { seed: number }).seed);
  const counts = Map.groupBy(seeds, (seed) => seed);
  check(
    "InvokeAI generated no image twice",
    some([...counts].filter(([, times]) => times.length > 1).map(([seed]) => `seed ${seed}`)),
  );
  check(
    "InvokeAI generated each image",
    some([...ledger.steps.values()].filter((seed) => !counts.has(seed)).map((seed) => `${seed}`)),
  );

  const stored = new Map<string, string>();
  const unknown: string[] = [];
  for await (const { key } of objects.list("photos/")) {
    const parsed = parseKey(key);
    if (parsed?.part !== "original") continue;
    if (byId.has(parsed.id)) stored.set(parsed.id, key);
    else unknown.push(key);
  }
  const damaged: string[] = [];
  for (const { id, contentHash } of all) {
    const key = stored.get(id);
    const object = key === undefined ? undefined : await objects.get(key);
    const hash = object && (await sha256OfStream(object.body));
    if (hash !== contentHash) damaged.push(id);
  }
  check(`${all.length} originals are in the store with their hash`, some(damaged));
  console.log(`files of killed uploads, which a sweep removes: ${unknown.length}`);

  const rows = await db.select({ id: events.id }).from(events).orderBy(asc(events.id));
  for (const { url, ids: seen, counts: countsOf } of others.streams) {
    const [first = 0, ...rest] = seen;
    const due = rows.map(({ id }) => id).filter((id) => id > first);
    const fault = due.findIndex((id, index) => rest[index] !== id);
    const { connections, resets } = countsOf();
    check(
      `the stream of ${url} has ${due.length} events in order, over ${connections} connections`,
      fault === -1 && rest.length === due.length && resets === 0
        ? undefined
        : `event ${due[fault]} is ${rest[fault]}; ${rest.length} events, ${resets} resets`,
    );
  }
  const [open] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from retrieval_claims where expires_at > now()`,
  );
  check("no claim is left", open?.count === 0 ? undefined : `${open?.count}`);
  return findings;
}

/** The first few of a list of faults. */
const some = (faults: string[]) =>
  faults.length === 0 ? undefined : `${faults.length}: ${faults.slice(0, 5).join(", ")}`;
