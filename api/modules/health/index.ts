import { Elysia, t } from "elysia";
import type { ApiDeps } from "../../deps";
import { openRoute } from "../../route-table";

const finding = t.String({ description: "`ok`, or why not" });
const readiness = t.Object({
  status: t.Union([t.Literal("ok"), t.Literal("degraded"), t.Literal("unavailable")]),
  database: finding,
  workflow_service: finding,
  worker: finding,
  storage: finding,
});

/** Whether this process lives, and whether all it needs does. */
export function createHealthModule(deps: ApiDeps) {
  return new Elysia({ name: "health", prefix: "/health", normalize: false, tags: ["service"] })
    .get("", () => ({ status: "ok" as const }), {
      detail: { ...openRoute, summary: "Is the server alive" },
      response: t.Object({ status: t.Literal("ok") }),
    })
    .get(
      "/ready",
      async ({ set }) => {
        const found = await look(deps);
        if (found.status === "unavailable") set.status = 503;
        return found;
      },
      {
        detail: { summary: "Does all that the server needs answer" },
        response: { 200: readiness, 503: readiness },
      },
    );
}

async function look(deps: ApiDeps): Promise<typeof readiness.static> {
  const [databaseIsAway, isReachable, hasWorker, storage] = await Promise.all([
    deps.databaseIsAway(),
    deps.temporal.isReachable(),
    deps.temporal.hasWorker(),
    lookAtStorage(deps),
  ]);
  const needed = !databaseIsAway && storage === "ok";
  const status = needed && isReachable && hasWorker ? "ok" : "degraded";
  return {
    status: needed ? status : "unavailable",
    database: databaseIsAway ? "does not answer" : "ok",
    workflow_service: isReachable ? "ok" : "does not answer; generation requests wait",
    worker: hasWorker ? "ok" : "none is running; generation requests wait",
    storage,
  };
}

async function lookAtStorage({ storage, config }: ApiDeps): Promise<string> {
  try {
    if ((await storage.readMarker()) === undefined) return "the data folder is not there";
    const free = await storage.freeBytes();
    return free > config.limits.maxUploadBytes ? "ok" : "no room left for a photo";
  } catch {
    return "cannot be read";
  }
}
