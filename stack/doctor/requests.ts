import type { Temporal } from "#api/temporal/connection";
import type { Database } from "#db/client";
import { listWaiting, type Waiting } from "#db/queries/generation/waiting";
import { countOf } from "#library/commands/output";
import { generationSessionId } from "#workflows/generation-session/contract";
import { modelInstallId } from "#workflows/model-install/contract";
import { photoImportId } from "#workflows/photo-import/contract";
import type { Check } from "./finding";
import { readableAge } from "./readable-age";
import { findRun } from "./runs";

/** Reconcile starts a missing run within a minute. */
const settledMs = 3 * 60_000;
const longMs = 60 * 60_000;
const mostRows = 200;
const mostRuns = 20;
const failingTaskAttempts = 5;

/** Requests that wait for long, have no run, or whose run cannot go on. */
export function checkRequests(database: Database | undefined, temporal: Temporal): Check {
  return {
    part: "requests",
    async run({ ok, warning, fault }) {
      if (!database) return;
      const now = Date.now();
      const before = new Date(now - settledMs);
      const waiting = await listWaiting(database.db, { before, limit: mostRows });
      const old = waiting.filter(({ since }) => now - since.getTime() > longMs);
      for (const [kind, rows] of Map.groupBy(old, (row) => row.kind)) {
        const oldest = rows[0]!;
        const age = readableAge(now - oldest.since.getTime());
        const says = oldest.message === null ? "" : `; the oldest says: ${oldest.message}`;
        warning(
          `${countOf(rows.length, kind)} waited for more than an hour, up to ${age}${says}`,
          adviceFor(kind),
        );
      }
      // Unreachable: its own check says so.
      const runs = await readRuns(temporal, waiting).catch(() => []);
      const lost = runs.filter(({ run }) => !run?.isOpen).map(({ id }) => id);
      const stuck = runs.filter(({ run }) => (run?.taskAttempts ?? 0) > failingTaskAttempts);
      if (lost.length > 0) {
        fault(
          `${countOf(lost.length, "request")} without a run, such as ${lost[0]}`,
          "Reconcile starts missing runs each minute: see workers and schedules.",
        );
      }
      for (const { id } of stuck) {
        fault(
          `the run ${id} fails again and again`,
          "The Temporal web UI shows the error. Restart the worker, with a version that knows this run.",
        );
      }
      if (old.length + lost.length + stuck.length === 0) {
        ok(`none is stuck; ${countOf(waiting.length, "request")} in progress for minutes`);
      }
    },
  };
}

/** Retrievals have runs of their own only between attempts. */
function runOf({ kind, id, sessionId }: Waiting): string | undefined {
  if (kind === "step" && sessionId !== null) return generationSessionId(sessionId);
  if (kind === "import") return photoImportId(id);
  return kind === "install" ? modelInstallId(id) : undefined;
}

async function readRuns(temporal: Temporal, waiting: Waiting[]) {
  const ids = [...new Set(waiting.flatMap((row) => runOf(row) ?? []))].slice(0, mostRuns);
  return Promise.all(ids.map(async (id) => ({ id, run: await findRun(temporal, id) })));
}

function adviceFor(kind: Waiting["kind"]): string {
  if (kind === "step") return "See InvokeAI and workers; or cancel the step.";
  if (kind === "retrieval") return "See InvokeAI: it must run until its images are fetched.";
  return "See workers; GET /api/v1/events shows what it does.";
}
