import { Elysia, t } from "elysia";
import { findBackend } from "#db/queries/backends";
import { getSettings } from "#db/queries/settings";
import type { ApiDeps } from "../../deps";
import { withoutLogin } from "../../without-login";

const statusSchema = t.Object({
  mode: t.Union([t.Literal("local"), t.Literal("remote")]),
  url: t.Optional(t.String()),
  connected: t.Boolean(),
  api_version: t.Optional(t.String()),
  checked_at: t.Optional(t.String({ format: "date-time" })),
  queue: t.Object({ pending: t.Integer(), in_progress: t.Integer() }),
  last_error: t.Optional(t.String({ description: "Why it is not connected, and what to do." })),
  warning: t.Optional(
    t.String({ description: "What is doubtful though it is connected: a version never tried." }),
  ),
});

/** Where pictures are made, as the worker last saw it. */
export function createBackendModule(deps: ApiDeps) {
  return new Elysia({
    name: "backend",
    prefix: "/api/v1/backend",
    normalize: false,
    tags: ["backend"],
  }).get("/status", () => showStatus(deps), {
    response: { 200: statusSchema },
    detail: { summary: "Does InvokeAI answer, and how much it has to do" },
  });
}

async function showStatus({ config, database }: ApiDeps): Promise<typeof statusSchema.static> {
  const backend = await findBackend(database.db, "local");
  const settings = await getSettings(database.db, config);
  return {
    mode: "local",
    url: withoutLogin(settings["backend.local_url"]),
    connected: backend?.connected ?? false,
    ...(backend?.apiVersion && { api_version: backend.apiVersion }),
    ...(backend?.checkedAt && { checked_at: backend.checkedAt.toISOString() }),
    queue: { pending: backend?.queuePending ?? 0, in_progress: backend?.queueInProgress ?? 0 },
    ...(backend?.lastError && {
      [backend.connected ? "warning" : "last_error"]: backend.lastError,
    }),
  };
}
