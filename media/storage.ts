import type { PhotoKind } from "./keys";

/** What was written to a staged file. */
export type ReceivedFile = Readonly<{ bytes: number; /** Lower-case hex. */ sha256: string }>;

/**
 * A file on this machine that is not yet part of the library. Every way out ends in `commit` of the
 * storage or in `abort`; `await using` makes sure of it, also where an error is thrown.
 */
export interface StagedFile extends AsyncDisposable {
  /** Where decoders find the bytes, from `receive` until commit or abort; never shown to anyone. */
  readonly path: string;
  /**
   * Writes a stream to its end, one chunk at a time, so that the sender waits for the disk.
   * On any fault nothing is left behind: what the source throws is passed on.
   * @throws AppError too_large as soon as the stream holds more than `maxBytes`; storage_full
   */
  receive(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<ReceivedFile>;
  /** Removes the file; does nothing after a commit or a second time. */
  abort(): Promise<void>;
}

export type StoredFile = Readonly<{
  bytes: number;
  modifiedAt: Date;
  /** Read lazily: a body for a response as it is, or `slice(start, end)` of it for a range. */
  blob: Blob;
}>;

export type ListedFile = Readonly<{ key: string; bytes: number; modifiedAt: Date }>;

/**
 * Where the bytes of the library lie, by the keys of `media/keys.ts`. What is written under a key is
 * either there in full, and survives a power cut, or not there at all; writing a key again
 * replaces it. Faults are AppErrors: storage_full when the disk is, else internal, without a path.
 */
export interface Storage {
  /** A new place to receive bytes in; there is no file before they come. */
  stage(kind: PhotoKind, owner?: string): Promise<StagedFile>;
  /** Removes what killed tries of this owner left staged; only once none of them can still be wanted. */
  removeStaged(kind: PhotoKind, owner: string): Promise<void>;
  /** Makes a staged file the content of `key`. */
  commit(staged: StagedFile, key: string): Promise<void>;
  /** Stores bytes that are in memory already. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** undefined when there is no such file. */
  find(key: string): Promise<StoredFile | undefined>;
  /** Lends the file to something that reads from a path; undefined when there is no such file. */
  withLocalFile<T>(key: string, use: (path: string) => Promise<T>): Promise<T | undefined>;
  /** Removes a file; a missing one is fine. */
  remove(key: string): Promise<void>;
  /** Every file below a prefix such as `photos/uploaded`, in no order; not what is in quarantine. */
  list(prefix: string): AsyncIterable<ListedFile>;
  /**
   * Sets a file aside in its area's quarantine, from where it can be moved back by hand. Only as long
   * as it was last changed before `unchangedSince`: a file just written again is left where it is.
   */
  quarantine(key: string, unchangedSince: Date): Promise<boolean>;
  /** What may still be written. */
  freeBytes(): Promise<number>;
  /** The installation these files belong to; undefined on a new or an unmounted folder. */
  readMarker(): Promise<string | undefined>;
  writeMarker(installationId: string): Promise<void>;
}
