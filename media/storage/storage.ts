import type { Area, PhotoKind } from "./keys";

/** The content received into a staged file. */
export type ReceivedFile = Readonly<{
  bytes: number;
  /** SHA-256, lower-case hex. */ contentHash: string;
}>;

/**
 * A file on this machine that is not yet part of the library. It ends with the storage's `commit` or with `abort`;
 * `await using` guarantees this, also after an error.
 */
export interface StagedFile extends AsyncDisposable {
  /** The path for decoders, valid from `receive` until commit or abort; never shown to users. */
  readonly path: string;
  /**
   * Writes a stream to its end, one chunk at a time, so that the sender waits for the disk. On an error the file is
   * removed; errors of the source are passed on.
   * @throws AppError too_large as soon as the stream holds more than `maxBytes`; storage_full
   */
  receive(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<ReceivedFile>;
  /** Removes the file; does nothing after a commit or a second time. */
  abort(): Promise<void>;
}

/** Bytes that are read lazily, only as fast as they are consumed. A `Blob` is one. */
export interface StoredContent {
  /** In bytes. */
  readonly size: number;
  /** From `start` to `end`, exclusive. */
  slice(start: number, end: number): StoredContent;
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  text(): Promise<string>;
}

export type StoredFile = Readonly<{
  bytes: number;
  modifiedAt: Date;
  /** Changes even when a backup with the old `modifiedAt` is restored. */
  changedAt: Date;
  /** Changes with each write of the file. Only for caches in this process: it reveals the time of the write. */
  revision: string;
  content: StoredContent;
}>;

export type ListedFile = Readonly<{ key: string; bytes: number; modifiedAt: Date }>;

/**
 * Stores the library's files by the keys of `media/storage/keys.ts`. A written file is either complete and survives a
 * power cut, or absent; writing a key again replaces it. Errors are AppErrors without paths: storage_full when the
 * disk is full or not mounted, else internal.
 */
export interface Storage {
  /** Reserves a place to receive bytes; the file is created with the first bytes. */
  stage(kind: PhotoKind, owner?: string): Promise<StagedFile>;
  /** Removes staged files of this owner's killed attempts; call it only when no attempt can still need them. */
  removeStaged(kind: PhotoKind, owner: string): Promise<void>;
  /** Makes a staged file the content of `key`. */
  commit(staged: StagedFile, key: string): Promise<void>;
  /** Stores bytes from memory. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Stores the file that `produce` writes to the given path, if it returns true. */
  write(key: string, produce: (path: string) => Promise<boolean>): Promise<void>;
  /** undefined when there is no such file. */
  find(key: string): Promise<StoredFile | undefined>;
  /** Passes a local path of the file to `use`; undefined when there is no such file. */
  withLocalFile<T>(key: string, use: (path: string) => Promise<T>): Promise<T | undefined>;
  /**
   * SHA-256 of the stored bytes, lower-case hex: read where they are stored, not from a copy. undefined when there is no
   * such file, null when it cannot be read.
   */
  hash(key: string, onChunk?: () => void): Promise<string | null | undefined>;
  /** Removes a file; a missing one is fine. */
  remove(key: string): Promise<void>;
  /** Every file below a prefix such as `photos/uploaded`, in no particular order, without quarantined ones. */
  list(prefix: string): AsyncIterable<ListedFile>;
  /**
   * Moves a file to its area's quarantine, from where it can be moved back by hand. Only if it was last changed before
   * `unchangedSince`, so that a file that was just rewritten stays.
   */
  quarantine(key: string, unchangedSince: Date): Promise<boolean>;
  /** Bytes of free disk space. */
  freeBytes(): Promise<number>;
  /** The installation id of the folder, or of one area; undefined when it is new or not mounted. */
  readMarker(area?: Area): Promise<string | undefined>;
  writeMarker(installationId: string, area?: Area): Promise<void>;
  /** Whether every area has had its own marker; an area without one is then an unmounted volume. */
  areasAreMarked(): Promise<boolean>;
  recordAreasMarked(installationId: string): Promise<void>;
  /**
   * A small text that all machines with this storage share. The first one decides: others get its text back. On a disk the
   * data folder itself is shared, and the text given is returned.
   */
  agreeOn(name: string, text: string): Promise<string>;
  /** From now on, writes where a marker of this installation is missing fail with storage_error. */
  requireMarkers(installationId: string): void;
  /** The first area that cannot be written because a marker is missing. */
  findUnmountedArea(): Promise<Area | undefined>;
}
