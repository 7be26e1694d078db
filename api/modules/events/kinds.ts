import type { EventType } from "#db/schema/events";

const ofImport = "`import_id`, `status`, `found`, `imported`, `duplicates`, `failed`";
const ofPhoto = "`photo_id`, `step_id`, `album_ids`";

/**
 * Every kind of event that is stored, with what its `data` holds beside `created_at` and, where it is of a session,
 * `session_id`.
 */
export const eventKinds: Record<EventType, string> = {
  "session.created": "`entry_type`",
  "session.completed": "",
  "session.abandoned": "",
  "session.deleted": "",
  "step.requested": "`step_id`, `position`",
  "step.started": "`step_id`",
  "step.completed": "`step_id`",
  "step.failed": "`step_id`, `error`",
  "step.cancelled": "`step_id`",
  "step.selected": "`step_id`, `selected_image_id`",
  "photo.created": "`photo_id`; of a generated one `step_id`",
  "photo.retrieved": "`photo_id`, `step_id`",
  "photo.retrieval_failed": "`photo_id`, `step_id`, `reason`",
  "photo.retrieval_retried": "`photo_id`, `step_id`",
  "photo.reproduced": "`photo_id`, `step_id`, `verdict`",
  "photo.trashed": ofPhoto,
  "photo.restored": ofPhoto,
  "photo.purged": ofPhoto,
  "import.requested": ofImport,
  "import.started": ofImport,
  "import.progress": ofImport,
  "import.completed": ofImport,
  "import.failed": ofImport,
  "import.cancelled": ofImport,
  "backend.changed": "`connected`, `api_version`",
};

/** The kinds whose name begins with one of these, as a list in Markdown. */
export function describeKinds(...families: string[]): string {
  return Object.entries(eventKinds)
    .filter(([kind]) => families.some((family) => kind.startsWith(`${family}.`)))
    .map(([kind, data]) => (data === "" ? `- \`${kind}\`` : `- \`${kind}\`: ${data}`))
    .join("\n");
}
