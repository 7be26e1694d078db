import { listStepViews } from "#db/queries/generation/step-views";
import { notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { showSession } from "./show-session";
import { stepToWire } from "./step-model";
import type { variationSchema } from "./variation-model";

/** A session that was opened together with its first step. */
export async function showFirstStep(
  deps: ApiDeps,
  sessionId: string,
): Promise<typeof variationSchema.static> {
  const session = await showSession(deps, sessionId);
  const page = { sessionId, afterPosition: null, limit: 1, offset: 0 };
  const [step] = await listStepViews(deps.database.db, page);
  if (!step) throw notFound("session");
  return { session, step: stepToWire(step, deps.config.timeZone) };
}
