import type { EventType } from "#db/schema/events";

const ofImport = "`import_id`, `status`, `found`, `imported`, `duplicates`, `failed`, `sidecars`";
const ofInstall =
  "`install_id`, `place`, `source`, `status`, `bytes`, `total_bytes`, `model_key`, `error`";
const ofPhoto = "`photo_id`, `step_id`, `album_ids`";

const ofBackup = "`backup_id`, `name`, `trigger`";
const ofMove = "`move_id`, `source`, `target`, `status`";
const ofPod = "`pod_session_id`, `pod_id`, `status`, `gpu`, `message`";

/**
 * Every kind of stored event, with the fields of its `data` besides `created_at` and, if it belongs to a session,
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
  "photo.created": "`photo_id`; `step_id` if it was generated",
  "photo.retrieved": "`photo_id`, `step_id`",
  "photo.retrieval_failed": "`photo_id`, `step_id`, `reason`",
  "photo.retrieval_retried": "`photo_id`, `step_id`",
  "photo.reproduced": "`photo_id`, `step_id`, `verdict`",
  "photo.original_damaged": "`photo_id`, `fault`, `is_in_backup`",
  "photo.copy_failed": "`photo_id`, `reason`",
  "photo.trashed": ofPhoto,
  "photo.restored": ofPhoto,
  "photo.purged": ofPhoto,
  "import.requested": ofImport,
  "import.started": ofImport,
  "import.progress": ofImport,
  "import.completed": ofImport,
  "import.failed": ofImport,
  "import.cancelled": ofImport,
  "model.install.requested": ofInstall,
  "model.install.started": ofInstall,
  "model.install.progress": ofInstall,
  "model.install.completed": ofInstall,
  "model.install.failed": ofInstall,
  "model.install.cancelled": ofInstall,
  "backup.completed": `${ofBackup}, \`originals\`, \`bytes\`, \`new_originals\`, \`new_bytes\`, \`missing\``,
  "backup.failed": `${ofBackup}, \`error\``,
  "storage.move.started": ofMove,
  "storage.move.switched": ofMove,
  "storage.move.waiting": `${ofMove}, \`message\``,
  "storage.move.resumed": ofMove,
  "storage.move.completed": ofMove,
  "storage.move.cancelled": ofMove,
  "storage.move.forgotten": ofMove,
  "backend.changed": "`connected`, `api_version`",
  "pod.changed": ofPod,
  "pod.ready": ofPod,
  "pod.ended": `${ofPod}, \`reason\`, \`cost_usd\``,
  "pod.failed": `${ofPod}, \`reason\`, \`cost_usd\``,
  "pod.budget_near": `${ofPod}, \`limit\`, \`limit_usd\`, \`cost_usd\``,
  "pod.end_unconfirmed": ofPod,
  "pod.key_refused": ofPod,
  "pod.orphan_ended": "`pod_id`, `name`",
};

/** The kinds whose name begins with one of these, as a list in Markdown. */
export function describeKinds(...families: string[]): string {
  return Object.entries(eventKinds)
    .filter(([kind]) => families.some((family) => kind.startsWith(`${family}.`)))
    .map(([kind, data]) => (data === "" ? `- \`${kind}\`` : `- \`${kind}\`: ${data}`))
    .join("\n");
}
