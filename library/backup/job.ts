import type { Database } from "#db/client";
import type { BackupTrigger } from "#db/schema/backups";
import type { Storage } from "#media/storage/storage";
import type { Library } from "../library";
import type { BackupPlaces } from "./places";

export type BackupDeps = Library &
  Readonly<{
    backups: BackupPlaces;
    databaseUrl: string;
    dataDir: string;
    installationId: string;
    galleryVersion: string;
    now: () => Date;
  }>;

export type BackupOptions = Readonly<{
  /** The absolute path of a folder, or `s3://bucket/prefix`. */
  folder: string;
  trigger: BackupTrigger;
  /** So many backups are kept, older ones are deleted; null: all. */
  keep: number | null;
  /** Called with each original; `total` in the backup. */
  onProgress: (done: number, total: number) => void;
  signal?: AbortSignal;
}>;

export type RestoreDeps = Readonly<{
  database: Database;
  databaseUrl: string;
  dataDir: string;
  /** A new storage each time. */
  openStorage: () => Promise<Storage>;
  now: () => Date;
}>;

export type RestoreOptions = Readonly<{
  /** Restore although originals of the backup are lost or damaged: their photos stay without bytes. */
  acceptsLosses: boolean;
  onProgress: (done: number, total: number) => void;
  signal?: AbortSignal;
}>;
