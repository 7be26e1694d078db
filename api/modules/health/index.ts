import { t } from "elysia";
import type { WorkerRole } from "#config";
import { findServed } from "#db/queries/installation/workers";
import { checkOwner } from "../../http/auth";
import type { ApiDeps, RouteDeps } from "../../deps";
import { createModule } from "../../http/module";
import { openRoute, partlyOpenRoute } from "../../http/routes";
import { version } from "#version";
import { oneOf } from "../../fields/one-of";

const alive = t.Object({ status: t.Literal("ok"), version: t.String() });
const finding = t.String({ description: "`ok`, or what is wrong. Absent with brief=true." });
const status = oneOf(["ok", "degraded", "unavailable"]);
const parts = t.Object({
  database: finding,
  workflow_service: finding,
  worker: finding,
  storage: finding,
});
const readiness = t.Object({ status, ...t.Partial(parts).properties });

/** Liveness of this process, and readiness of what it depends on. */
export function createHealthModule(deps: RouteDeps) {
  const isAlive = () => ({ status: "ok" as const, version });

  return createModule({ name: "health", prefix: "/health", tags: ["service"] })
    .get("", isAlive, {
      detail: { ...openRoute, summary: "Whether the server is alive" },
      response: alive,
    })
    .get("/live", isAlive, {
      detail: { ...openRoute, summary: "The same as GET /health" },
      response: alive,
    })
    .get(
      "/ready",
      async ({ query, request, set }) => {
        if (!query.brief) checkOwner(request, deps.config, deps.ownerSessions);
        const found = await checkReadiness(deps);
        if (found.status === "unavailable") set.status = 503;
        return query.brief ? { status: found.status } : found;
      },
      {
        query: t.Object({
          brief: t.Optional(
            t.Boolean({ default: false, description: "Only the status, which needs no token" }),
          ),
        }),
        detail: {
          ...partlyOpenRoute,
          summary: "Whether everything that the server depends on works",
        },
        response: { 200: readiness, 503: readiness },
      },
    );
}

type Readiness = typeof parts.static & { status: typeof status.static };

async function checkReadiness(deps: ApiDeps): Promise<Readiness> {
  const [databaseIsAway, isReachable, worker, storage] = await Promise.all([
    deps.databaseIsAway(),
    deps.temporal.isReachable(),
    checkWorkers(deps),
    checkStorage(deps),
  ]);
  const needed = !databaseIsAway && storage === "ok";
  const status = needed && isReachable && worker === "ok" ? "ok" : "degraded";
  return {
    status: needed ? status : "unavailable",
    database: databaseIsAway ? "does not answer" : "ok",
    workflow_service: isReachable ? "ok" : "does not answer; generation requests wait",
    worker,
    storage,
  };
}

/** What waits while no running worker has a role. */
const waiting: Record<WorkerRole, string> = {
  generation: "generation requests wait",
  images: "images are not fetched, and folders not imported",
  housekeeping: "nothing is swept, purged or backed up",
};

async function checkWorkers({ database }: ApiDeps): Promise<string> {
  try {
    const { count, roles } = await findServed(database.db);
    if (count === 0) return "none is running; generation requests wait";
    const faults = Object.entries(waiting)
      .filter(([role]) => !roles.has(role))
      .map(([role, effect]) => `none with the role ${role} is running; ${effect}`);
    return faults.length === 0 ? "ok" : faults.join(". ");
  } catch {
    return "unknown";
  }
}

async function checkStorage({ storage, config }: ApiDeps): Promise<string> {
  try {
    if ((await storage.readMarker()) === undefined) return "the data folder is missing";
    const missing = await storage.findUnmountedArea();
    if (missing !== undefined) return `${missing} is missing; mount its volume`;
    const free = await storage.freeBytes();
    return free > config.limits.maxUploadBytes ? "ok" : "no space left for a photo";
  } catch {
    return "cannot be read";
  }
}
