import { type Static, t } from "elysia";
import type { SessionView } from "#db/queries/generation/session-views";
import { entryTypes, sessionStatuses } from "#db/schema/sessions";
import { generationSessionId } from "#workflows/generation-session/contract";
import { oneOf } from "../../fields/one-of";
import { photoSchema, photoToWire } from "../photos/model";
import { scheduleFields, scheduleSchema, scheduleToWire } from "./schedule-model";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const title = t.Nullable(t.String({ maxLength: 200 }));

const entryType = oneOf(entryTypes);
export const sessionStatus = oneOf(sessionStatuses);

export const sessionBody = t.Object(
  {
    entry_type: entryType,
    source_image_id: t.Optional(t.Nullable(uuid)),
    title: t.Optional(title),
    ...scheduleFields,
  },
  strict,
);

export const sessionChange = t.Object(
  {
    status: t.Optional(oneOf(["completed", "abandoned"])),
    title: t.Optional(title),
    discard_unselected: t.Optional(t.Boolean()),
    ...scheduleFields,
  },
  { ...strict, minProperties: 1 },
);

export const sessionSchema = t.Object(
  {
    id: uuid,
    entry_type: entryType,
    source_image_id: t.Optional(uuid),
    title: t.Optional(t.String()),
    ...scheduleSchema,
    status: sessionStatus,
    started_at: moment,
    completed_at: t.Optional(moment),
    steps_count: t.Integer(),
    latest_image: t.Optional(photoSchema),
    workflow_id: t.String(),
    workflow_url: t.Optional(t.String()),
  },
  { title: "Session" },
);

export function sessionToWire(
  view: SessionView,
  workflowUrl: (workflowId: string) => string | undefined,
): Static<typeof sessionSchema> {
  const workflowId = generationSessionId(view.id);
  const url = workflowUrl(workflowId);
  return {
    id: view.id,
    entry_type: view.entryType,
    ...(view.sourceImageId !== null && { source_image_id: view.sourceImageId }),
    ...(view.title !== null && { title: view.title }),
    ...scheduleToWire(view),
    status: view.status,
    started_at: view.startedAt.toISOString(),
    ...(view.completedAt && { completed_at: view.completedAt.toISOString() }),
    steps_count: view.stepsCount,
    ...(view.latestImage && { latest_image: photoToWire(view.latestImage) }),
    workflow_id: workflowId,
    ...(url !== undefined && { workflow_url: url }),
  };
}
