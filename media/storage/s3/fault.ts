import { AppError } from "#errors";
import { storageFault } from "../faults";

/**
 * `unreachable`: no answer, or one that a later request may not get. `refused`: wrong keys, bucket or rights. `exists`:
 * the key is taken. `full`: no room. `broken`: an answer that does not follow the protocol. `damaged`: other bytes than were
 * stored.
 */
type Kind = "unreachable" | "refused" | "exists" | "full" | "broken" | "damaged";

/** A request to the object store failed. */
export class ObjectStoreFault extends Error {
  override readonly name = "ObjectStoreFault";
  readonly kind: Kind;
  /** As a disk says it. */
  readonly code: string | undefined;

  /** What the store answered, with S3's word for it; undefined without an answer. */
  readonly answer: { status: number; code: string } | undefined;

  constructor(kind: Kind, options?: ErrorOptions & { answer?: { status: number; code: string } }) {
    super(`object store: ${kind}`, options);
    this.kind = kind;
    this.answer = options?.answer;
    this.code = kind === "damaged" ? "EIO" : undefined;
  }
}

/** Runs requests to the object store and translates their faults; neither names an address. */
export async function onObjectStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ObjectStoreFault ? toAppError(error) : storageFault(error);
  }
}

function toAppError(cause: ObjectStoreFault): AppError {
  if (cause.kind === "full") {
    return new AppError({
      kind: "storage_full",
      code: "storage_error",
      message: "There is no room left for photos in the S3 bucket; free some, or raise its quota.",
      cause,
    });
  }
  const message =
    cause.kind === "refused"
      ? "The S3 store refuses this gallery; check S3_BUCKET and the keys, and that they may read, write, list and delete."
      : "The S3 store of the photos does not answer; try again once it does.";
  return cause.kind === "broken" || cause.kind === "damaged" || cause.kind === "exists"
    ? storageFault(cause)
    : new AppError({ kind: "unavailable", code: "storage_error", message, cause });
}
