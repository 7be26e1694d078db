import { ObjectStoreFault } from "../../storage/s3/fault";
import type { ObjectStore } from "../../storage/s3/object-store";
import { storeObject } from "../../storage/s3/write";
import { backupFault } from "../faults";
import { type Sum, sumOf } from "../hash";

const maxTries = 3;

/** Objects of backups: what is written is read back, what is read may be read again. */
export type BackupObjects = Readonly<{
  /** The object's bytes; undefined when there is none. */
  open(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Length and hash of the object's bytes, read from the store; undefined when there is none. */
  sum(key: string): Promise<Sum | undefined>;
  /** Length of the object, without reading it. */
  bytesOf(key: string): Promise<number | undefined>;
  /** Stores a file of this hash, replacing another one. The store compares the hash, and so does a read afterwards. */
  store(key: string, body: Blob, sha256: string): Promise<void>;
  remove(key: string): Promise<void>;
  list(prefix: string): AsyncIterable<string>;
}>;

export function createBackupObjects(store: ObjectStore): BackupObjects {
  const open: BackupObjects["open"] = (key) =>
    onStore(async () => {
      const found = await store.get(key);
      return found && translated(found.body);
    });

  /** An answer that breaks off is requested again. */
  async function sum(key: string): Promise<Sum | undefined> {
    for (let tries = 1; ; tries += 1) {
      try {
        const content = await open(key);
        if (!content) return undefined;
        return await sumOf(content);
      } catch (error) {
        if (tries === maxTries) throw error;
      }
    }
  }

  return {
    open,
    sum,
    bytesOf: (key) => onStore(async () => (await store.head(key))?.bytes),

    async store(key, body, contentHash) {
      await onStore(() => storeObject(store, key, { body, contentHash, onlyNew: false }));
      const found = await sum(key);
      if (found?.sha256 !== contentHash || found.bytes !== body.size) throw notKept();
    },

    remove: (key) => onStore(() => store.remove(key)),

    async *list(prefix) {
      const objects = store.list(prefix)[Symbol.asyncIterator]();
      for (;;) {
        const next = await onStore(() => objects.next());
        if (next.done) return;
        yield next.value.key;
      }
    },
  };
}

const notKept = () => backupFault(messages.damaged);

async function* translated(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await onStore(() => chunks.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}

async function onStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ObjectStoreFault ? backupFault(messages[error.kind], error) : error;
  }
}

const unreachable = "The S3 store of the backups does not answer; run this again once it does.";
const notKeptMessage = "The S3 store of the backups did not keep what was written to it.";
const messages: Record<ObjectStoreFault["kind"], string> = {
  unreachable,
  broken: unreachable,
  refused:
    "The S3 store of the backups refuses this gallery; check the bucket, BACKUP_S3_ENDPOINT and the keys, and that they may read, write, list and delete.",
  full: "There is no room left in the bucket of the backups; free some, raise its quota, or keep fewer backups.",
  exists: notKeptMessage,
  damaged: notKeptMessage,
};
