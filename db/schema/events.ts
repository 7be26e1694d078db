import { bigint, index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";
import type { Backup } from "./backups";
import type { CopyFaultReason } from "./copy-faults";
import type { PhotoImport } from "./imports";
import type { ModelInstall } from "./model-installs";
import type { OriginalFault } from "./original-checks";
import type { Reproduction } from "./photos";
import type { PodEndReason, PodStatus } from "./pod-sessions";
import type { EntryType } from "./sessions";
import type { StorageMove } from "./storage-moves";
import type { StepError } from "./steps";

type OfSession = { session_id: string };
type OfStep = { step_id: string };
type OfPhoto = { photo_id: string; step_id: string | null };
/** `album_ids`: the albums whose photo count, and perhaps cover, changed. */
type OfAlbums = OfPhoto & { album_ids: string[] };
type OfImport = Pick<
  PhotoImport,
  "status" | "found" | "imported" | "duplicates" | "failed" | "sidecars"
> & { import_id: string };

type OfInstall = Pick<ModelInstall, "place" | "source" | "status" | "error"> & {
  install_id: string;
  bytes: number;
  total_bytes: number | null;
  model_key: string | null;
};

type OfBackup = Pick<Backup, "name" | "trigger"> & { backup_id: string };

type OfMove = Pick<StorageMove, "source" | "target" | "status"> & {
  move_id: string;
};

type OfPod = {
  pod_session_id: string;
  pod_id: string | null;
  status: PodStatus;
  gpu: string | null;
  message: string | null;
};
type OfEndedPod = OfPod & { reason: PodEndReason | null; cost_usd: number };

/** The data of each event type, with the field names of the wire. */
export type EventData = {
  "session.created": OfSession & { entry_type: EntryType };
  "session.completed": OfSession;
  "session.abandoned": OfSession;
  "session.deleted": OfSession;
  "step.requested": OfStep & { position: number };
  "step.started": OfStep;
  "step.completed": OfStep;
  "step.failed": OfStep & { error: StepError };
  "step.cancelled": OfStep;
  "step.selected": OfStep & { selected_image_id: string | null };
  "photo.created": { photo_id: string; step_id?: string };
  "photo.trashed": OfAlbums;
  /** Only the id when the photo was restored by the import of its session. */
  "photo.restored": { photo_id: string } & Partial<OfAlbums>;
  "photo.purged": OfAlbums;
  "photo.retrieved": OfPhoto;
  "photo.retrieval_failed": OfPhoto & { reason: string };
  "photo.retrieval_retried": OfPhoto;
  "photo.reproduced": OfPhoto & { verdict: Reproduction["verdict"] };
  /** Its original is lost or damaged; `is_in_backup`: whether the folder of backups has the right bytes. */
  "photo.original_damaged": {
    photo_id: string;
    fault: OriginalFault;
    is_in_backup: boolean | null;
  };
  "photo.copy_failed": { photo_id: string; reason: CopyFaultReason };
  "import.requested": OfImport;
  "import.started": OfImport;
  "import.progress": OfImport;
  "import.completed": OfImport;
  "import.failed": OfImport;
  "import.cancelled": OfImport;
  "model.install.requested": OfInstall;
  "model.install.started": OfInstall;
  /** At each tenth of the download. */
  "model.install.progress": OfInstall;
  "model.install.completed": OfInstall;
  "model.install.failed": OfInstall;
  "model.install.cancelled": OfInstall;
  "backup.completed": OfBackup & {
    originals: number;
    bytes: number;
    new_originals: number;
    new_bytes: number;
    missing: number;
  };
  "backup.failed": OfBackup & { error: string };
  "storage.move.started": OfMove;
  /** New files go to the target. */
  "storage.move.switched": OfMove;
  /** `message`: for what; it is tried again and again. */
  "storage.move.waiting": OfMove & { message: string };
  /** It does not wait any more. */
  "storage.move.resumed": OfMove;
  "storage.move.completed": OfMove;
  "storage.move.cancelled": OfMove;
  /** The old copy was deleted. */
  "storage.move.forgotten": OfMove;
  "backend.changed": { connected: boolean; api_version: string | null };
  "pod.changed": OfPod;
  "pod.ready": OfPod;
  "pod.ended": OfEndedPod;
  /** No pod was made, or it did not get ready. */
  "pod.failed": OfEndedPod;
  /** 80 % of a limit is used. */
  "pod.budget_near": OfPod & { limit: "session" | "month"; limit_usd: number; cost_usd: number };
  /** Ten minutes after its end was asked for, the provider still has the pod. */
  "pod.end_unconfirmed": OfPod;
  /** The provider does not accept the key: a pod may run on. */
  "pod.key_refused": OfPod;
  /** A pod of this installation that belonged to no session was ended. */
  "pod.orphan_ended": { pod_id: string; name: string };
};

export type EventType = keyof EventData;
/** An event of one of these types, with the data of its type. */
type EventOf<Type extends EventType> = { [One in Type]: { type: One; data: EventData[One] } }[Type];

/** Committed transitions. Ids become visible in order: they are assigned under one lock, last in their transaction. */
export const events = pgTable(
  "events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    type: text("type").$type<EventType>().notNull(),
    /** null: not of a session. No foreign key: an event outlives its session. */
    sessionId: uuid("session_id"),
    data: jsonb("data").$type<Record<string, unknown>>().notNull(),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("events_session").on(table.sessionId, table.id),
    index("events_age").on(table.createdAt),
  ],
);

type Row = typeof events.$inferSelect;
export type EventRow = Omit<Row, "type" | "data"> & EventOf<EventType>;
export type NewEvent<Type extends EventType = EventType> = Pick<Row, "sessionId"> & EventOf<Type>;
