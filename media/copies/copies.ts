import { sha256Of } from "#sha256";
import { type ImageMimeType, reencodedTypes } from "../pictures/formats";
import { copyPlanKey, originalKey, type OriginalRef, sharedCopyKey } from "../storage/keys";
import { storageFault } from "../storage/faults";
import type { DecodeLimits } from "../pictures/decode-budget";
import { imageOf, isRewritable, type RewrittenImage } from "../rewrite/image";
import type { Storage, StoredFile } from "../storage/storage";
import { type CopyClient, createCopyLine } from "./line";
import type { CopyChange, CopyFailure, CopyOrder, CopyResult } from "./order";
import { type CopyPlan, parsePlan, planToText, storedToPieces } from "./plan";
import { createPlanCache } from "./plan-cache";
import { createCopyProcess } from "./process";

/** Increment when copies come out differently: it invalidates stored plans, copies and failures. */
export const copyVersion = 3;

/** Reading a file's structure takes a second at most; this limit is for a disk that hangs. */
const planLimitMs = 30_000;

/** After a disk error nothing is re-encoded for this long, so that a full disk does not cost work at each request. */
const pauseMs = 60_000;

type Source = OriginalRef & { contentHash: string | null };

export type Copies = {
  /**
   * The copy of the stored `file` with identical coded pixels; undefined when it has to be re-encoded. Its plan is
   * computed once and kept in storage.
   */
  findRewritten(
    source: Source,
    file: StoredFile,
    change: CopyChange,
    client: CopyClient,
  ): Promise<RewrittenImage | undefined>;
  /**
   * The copy re-encoded from the pixels, which takes seconds. The copy or the failure is stored and reused. undefined
   * when the original is gone.
   */
  findReencoded(
    source: OriginalRef,
    client: CopyClient,
  ): Promise<ReencodedCopy | CopyFailure | undefined>;
};

type ReencodedCopy = Readonly<{ file: StoredFile; mimeType: ImageMimeType }>;

/** Stores which originals cannot be copied. */
export type CopyFailures = Readonly<{
  find(source: OriginalRef): Promise<CopyFailure | undefined>;
  keep(photoId: string, failure: CopyFailure): Promise<void>;
  forget(photoId: string): Promise<void>;
}>;

/**
 * Copies of originals for visitors. The expensive work runs in separate processes, apart from the owner's requests,
 * and is limited for each link.
 */
export function createCopies({
  storage,
  failures,
  decodeLimits,
  closing,
}: {
  storage: Storage;
  failures: CopyFailures;
  decodeLimits: Pick<DecodeLimits, "timeoutSeconds">;
  closing: AbortSignal;
}): Copies {
  const plans = createPlanCache();
  const wait = createCopyLine();
  const planning = createCopyProcess(closing);
  const reencoding = createCopyProcess(closing);
  let resumesAt = 0;

  async function findPlan(
    source: Source,
    file: StoredFile,
    change: CopyChange,
    client: CopyClient,
  ): Promise<CopyPlan> {
    const key = copyPlanKey(source.id, change.kind);
    const of = nameOf(source, file, change);
    const known = await loadPlan(key, of);
    return known ?? wait(key, client, () => makePlan(source, change, { key, of }));
  }

  async function loadPlan(key: string, of: string): Promise<CopyPlan | undefined> {
    const had = plans.get(key, of);
    if (had) return had;
    const file = await storage.find(key);
    const plan = file && parsePlan(await file.content.text(), of);
    if (plan) plans.set(key, plan);
    return plan;
  }

  async function makePlan(
    source: Source,
    change: CopyChange,
    { key, of }: { key: string; of: string },
  ): Promise<CopyPlan> {
    // Another request may have made it in the meantime.
    const known = await loadPlan(key, of);
    if (known) return known;
    const mimeType = source.mimeType as ImageMimeType;
    const result = await storage.withLocalFile(originalKey(source), (path) =>
      planning.run({ kind: "plan", path, mimeType, change }, planLimitMs),
    );
    if (!result || isStorageFault(result)) throw unreadable();
    const stored = "pieces" in result ? result.pieces : null;
    const plan = { of, pieces: stored && storedToPieces(stored) };
    plans.set(key, plan);
    // Not stored: with less load the picture may succeed later.
    if (failureOf(result) === "too_costly") return plan;
    // If this fails, the plan is made again after a restart; the visitor still gets the copy.
    await keepPlan(source, key, planToText(of, stored)).catch(() => undefined);
    return plan;
  }

  async function keepPlan(source: Source, key: string, text: string): Promise<void> {
    await storage.put(key, Buffer.from(text));
    await removeIfPurged(source, key);
  }

  /** Removes what was stored for a photo that was purged in the meantime. */
  async function removeIfPurged(source: OriginalRef, key: string): Promise<void> {
    if (!(await storage.find(originalKey(source)))) await storage.remove(key);
  }

  async function findCopy(source: OriginalRef): Promise<ReencodedCopy | undefined> {
    for (const mimeType of reencodedTypes(source.mimeType as ImageMimeType)) {
      const file = await storage.find(sharedCopyKey(source, mimeType));
      if (file) return { file, mimeType };
    }
    return undefined;
  }

  async function findStoredResult(
    source: OriginalRef,
  ): Promise<ReencodedCopy | CopyFailure | undefined> {
    return (await findCopy(source)) ?? failures.find(source);
  }

  /**
   * Sends an order to the re-encoding process.
   * @throws AppError when the disk failed
   */
  async function reencode(order: CopyOrder): Promise<CopyResult> {
    // Twice the time: the process stands behind all others.
    const result = await reencoding.run(order, decodeLimits.timeoutSeconds * 2_000);
    if (isStorageFault(result)) {
      resumesAt = performance.now() + pauseMs;
      throw unreadable();
    }
    return result;
  }

  async function makeReencoded(
    source: OriginalRef,
  ): Promise<ReencodedCopy | CopyFailure | undefined> {
    const known = await findStoredResult(source);
    if (known) return known;
    if (performance.now() < resumesAt) throw unreadable();
    const failure = await storage.withLocalFile(originalKey(source), (path) =>
      writeReencoded(source, path),
    );
    if (failure) await failures.keep(source.id, failure);
    else await failures.forget(source.id);
    return failure ?? findCopy(source);
  }

  async function writeReencoded(
    source: OriginalRef,
    path: string,
  ): Promise<CopyFailure | undefined> {
    const mimeType = source.mimeType as ImageMimeType;
    const [onlyType, ...others] = reencodedTypes(mimeType);
    const typed =
      others.length === 0
        ? { copyType: onlyType! }
        : await reencode({ kind: "type", path, mimeType });
    if (!("copyType" in typed)) return failureOf(typed);
    const key = sharedCopyKey(source, typed.copyType);
    let failure: CopyFailure | undefined;
    await storage.write(key, async (target) => {
      const { timeoutSeconds } = decodeLimits;
      failure = failureOf(
        await reencode({ kind: "reencode", path, mimeType, target, timeoutSeconds }),
      );
      return failure === undefined;
    });
    await removeIfPurged(source, key);
    return failure;
  }

  return {
    async findRewritten(source, file, change, client) {
      if (!isRewritable(source.mimeType as ImageMimeType)) return undefined;
      const { pieces } = await findPlan(source, file, change, client);
      return pieces ? imageOf(file.content, pieces) : undefined;
    },

    async findReencoded(source, client) {
      const known = await findStoredResult(source);
      return known ?? wait(sharedCopyKey(source), client, () => makeReencoded(source));
    },
  };
}

const isStorageFault = (result: CopyResult) => "fault" in result && result.fault === "storage";

function failureOf(result: CopyResult): CopyFailure | undefined {
  if (!("fault" in result) || result.fault === "storage") return undefined;
  return result.fault ?? undefined;
}

const unreadable = () => storageFault(new Error("the copy process reported a disk error"));

function nameOf(source: Source, file: StoredFile, change: CopyChange): string {
  const words = change.kind === "stamp" ? change.xmp : "";
  const facts = [copyVersion, source.contentHash, file.bytes, change.kind, words];
  return sha256Of(facts.join("\n"));
}
