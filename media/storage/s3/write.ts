import { ObjectStoreFault } from "./fault";
import type { ObjectFacts } from "./answer";
import type { ObjectStore } from "./object-store";

const maxTries = 3;

type Write = {
  body: Blob;
  /** SHA-256 of the body, lower-case hex. */
  contentHash: string;
  /** Whether another content of the key is an error; otherwise it is replaced. */
  onlyNew: boolean;
};

/**
 * Stores an object so that afterwards it is known to be there in full. A time-out or a lost answer does not tell whether
 * the store has it, now or later, so a HEAD request decides: the same size and hash is a success, another one an
 * error, and only a missing object is sent again.
 * @throws ObjectStoreFault
 */
export async function storeObject(store: ObjectStore, key: string, write: Write): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const fault = await store.put(key, write).then(
      () => undefined,
      (error: unknown) => toFault(error),
    );
    // Also after a success: a store may accept half a body whose connection broke off.
    const stored = await store.head(key);
    if (stored && isSame(stored, write)) return;
    if (fault && (fault.kind === "refused" || fault.kind === "full")) throw fault;
    if (stored && write.onlyNew) {
      // Half an object of our own is removed, so that the next try can store it.
      if (!isPart(stored, write)) throw new ObjectStoreFault("exists", { cause: fault });
      await store.remove(key);
    }
    if (tries === maxTries) throw fault ?? new ObjectStoreFault("broken");
  }
}

function isSame(stored: ObjectFacts, { body, contentHash }: Write): boolean {
  return stored.bytes === body.size && stored.contentHash === contentHash;
}

/** Announced as this content, but shorter. */
function isPart(stored: ObjectFacts, { body, contentHash }: Write): boolean {
  return stored.contentHash === contentHash && stored.bytes < body.size;
}

function toFault(error: unknown): ObjectStoreFault {
  if (error instanceof ObjectStoreFault) return error;
  throw error;
}
