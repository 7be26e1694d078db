import { findSessionView } from "#db/queries/generation/session-views";
import { notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { sessionToWire } from "./session-model";

/**
 * The session object of the owner's routes.
 * @throws AppError not_found
 */
export async function showSession(
  { database, temporal }: Pick<ApiDeps, "database" | "temporal">,
  id: string,
) {
  const view = await findSessionView(database.db, id);
  if (!view) throw notFound("session");
  return sessionToWire(view, (workflowId) => temporal.workflowUrl(workflowId));
}
