import { AppError, ProviderError } from "#errors";
import { findBackend } from "#db/queries/backends";
import { findPhotoById } from "#db/queries/photo-lookup";
import {
  closeReproductionBatch,
  findLiveReproduction,
  findReproduction,
  forgetReproducedImage,
  judgeReproduction,
  noteReproducedImage,
  openReproductionBatch,
} from "#db/queries/reproductions";
import { claimPost, markAccepted, noteSourceImage, releasePost } from "#db/queries/sending-ledgers";
import type { Photo, Reproduction, ReproductionReason } from "#db/schema/photos";
import type { ReproductionRow } from "#db/schema/reproductions";
import { comparePictures } from "#media/compare-pictures";
import { originalKey } from "#media/keys";
import { readRecordedGraph } from "#media/recorded-graph";
import type { Impossible, ReproducedBatch } from "#workflows/photo-reproduction/contract";
import { broken } from "./adapters/http-failures";
import type { FailureReason } from "./adapters/invokeai/errors";
import { parseRecordedGraph, replayGraph } from "./adapters/invokeai/graphs/index";
import type { BatchItem } from "./adapters/invokeai/types";
import type { ActivityDeps } from "./deps";
import { pause, withHeartbeat } from "./heartbeat";
import { receiveImage } from "./receive-image";
import { bringSource } from "./reproduced-source";
import { resolveRecordedModels } from "./reproduced-models";
import { type SendingLedger, sendOnce } from "./send-once";
import { verdictOn } from "./verdict";

type ByBatch = { batchId: string };
type ById = { reproductionId: string };
type Prepared = { state: "ready"; batchId: string } | { state: "impossible"; reason: Impossible };

const lookEveryMs = 1_000;
/** So many looks in a row must find nothing before a batch that was there counts as gone. */
const looksUntilGone = 3;

/** Runs recorded graphs again and compares what comes of them; described in docs/workflows/photo-reproduction.md. */
export function createReproductionActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  /** The photo's file, lent for reading; undefined when it is gone. */
  async function withOriginal<T>(photo: Photo | undefined, use: (path: string) => Promise<T>) {
    if (!photo?.mimeType) return undefined;
    const key = originalKey({ kind: photo.kind, id: photo.id, mimeType: photo.mimeType });
    return deps.storage.withLocalFile(key, use);
  }

  /** What is to be run, as the picture itself tells it. */
  async function readRecord(photoId: string) {
    const photo = await findPhotoById(db, photoId);
    const record = await withOriginal(photo, readRecordedGraph);
    if (!photo || !record?.graph) return "no_recorded_graph";
    const recorded = parseRecordedGraph(record.graph);
    // A graph of ours starts from one picture at most.
    if (!recorded || recorded.imageNames.length > 1) return "graph_unknown";
    return { photo, recorded };
  }

  async function prepare(
    { reproductionId, backend }: ById & { backend: string },
    signal: AbortSignal,
  ): Promise<Prepared> {
    const before = await findReproduction(db, reproductionId);
    const record = before ? await readRecord(before.photoId) : "no_recorded_graph";
    if (typeof record === "string") return { state: "impossible", reason: record };
    const models = await resolveRecordedModels(db, record.recorded.models);
    if (typeof models === "string") return { state: "impossible", reason: models };
    await openReproductionBatch(db, { id: reproductionId, backend });
    const row = await findReproduction(db, reproductionId);
    if (!row?.batchId || row.backend === null) throw new Error("a batch that was just opened");
    const { batchId } = row;
    const [known] = record.recorded.imageNames;
    if (known !== undefined && row.sourceImageName === null && row.postedAt === null) {
      const source = { photo: record.photo, known, backend: row.backend };
      const imageName = await bringSource(deps, source, signal);
      if (imageName === undefined) return { state: "impossible", reason: "source_gone" };
      await noteSourceImage(db, { ledger: "reproductions", batchId, imageName });
    }
    return { state: "ready", batchId };
  }

  const findByBatch = async (batchId: string): Promise<ReproductionRow | undefined> => {
    const row = await findReproduction(db, batchId.slice(0, batchId.lastIndexOf("-")));
    return row?.batchId === batchId && row.judgedAt === null ? row : undefined;
  };

  function ledgerOf(batchId: string): SendingLedger {
    const sent = { ledger: "reproductions", batchId } as const;
    return {
      async find() {
        const row = await findByBatch(batchId);
        if (!row || row.backend === null) return undefined;
        const { backend, postedAt, acceptedAt } = row;
        return { backend, postedAt, acceptedAt, settledAt: null };
      },
      claim: (params) => claimPost(db, { ...sent, ...params }),
      release: (posted) => releasePost(db, { ...sent, posted }),
      accept: (now) => markAccepted(db, { ...sent, now }),
      refuse: () => closeReproductionBatch(db, batchId),
    };
  }

  async function send({ batchId, graceMs }: ByBatch & { graceMs: number }, signal: AbortSignal) {
    const batch = {
      batchId,
      graceMs,
      ledger: ledgerOf(batchId),
      send: async (invokeai: Awaited<ReturnType<ActivityDeps["invokeai"]>>) => {
        const row = await findByBatch(batchId);
        const record = row ? await readRecord(row.photoId) : "no_recorded_graph";
        if (!row || typeof record === "string") return undefined;
        const { recorded } = record;
        const models = await resolveRecordedModels(db, recorded.models);
        if (typeof models === "string") return undefined;
        const images = recorded.imageNames.map((name): [string, string] => [
          name,
          row.sourceImageName ?? name,
        ]);
        const graph = replayGraph(recorded, models, new Map(images));
        const slots = [{ index: 0, seed: recorded.seed }];
        return invokeai.enqueueBatch({ batchId, graph, slots }, signal);
      },
    };
    await sendOnce(deps, batch, signal);
  }

  async function watch({ batchId }: ByBatch, signal: AbortSignal): Promise<ReproducedBatch> {
    for (let misses = 0; ;) {
      const row = await findByBatch(batchId);
      if (!row || row.backend === null || row.acceptedAt === null) return { state: "interrupted" };
      const look = await lookAt(batchId, row.backend, signal);
      if (look !== "away") {
        const [item] = look.items;
        if (look.unreadable > 0) {
          // It would block everybody's queue.
          await (await deps.invokeai(row.backend)).cancelBatch(batchId, signal);
          return { state: "impossible", reason: "graph_refused" };
        }
        misses = item ? 0 : misses + 1;
        if (misses >= looksUntilGone) return { state: "interrupted" };
        const ended = item && endOf(item);
        if (item && ended?.state === "made") {
          await noteReproducedImage(db, { batchId, imageName: item.imageName });
        }
        if (ended) return ended;
      }
      await pause(lookEveryMs, signal);
    }
  }

  async function lookAt(batchId: string, backend: string, signal: AbortSignal) {
    try {
      const invokeai = await deps.invokeai(backend);
      return await invokeai.listBatchItems(batchId, signal);
    } catch (error) {
      // It may be starting again; the batch is looked for until it answers.
      if (error instanceof ProviderError && error.retryable) return "away";
      throw error;
    }
  }

  /** `lost`: the picture was made, and is there no more. */
  async function compare(
    { batchId }: ByBatch,
    signal: AbortSignal,
  ): Promise<{ state: "judged" | "lost" }> {
    const row = await findByBatch(batchId);
    // A try that was cut off behind its verdict.
    if (!row) return { state: "judged" };
    if (row.backend === null || row.imageName === null) return { state: "lost" };
    await using staged = await deps.storage.stage("generated", row.id);
    try {
      const { backend, imageName } = row;
      await receiveImage(deps, { backend, imageName, staged }, signal);
    } catch (error) {
      if (error instanceof ProviderError && error.fault === "missing") return { state: "lost" };
      throw error;
    }
    const photo = await findPhotoById(db, row.photoId);
    const found = await withOriginal(photo, async (path) => {
      const record = await readRecordedGraph(path);
      const pixels = (photo?.width ?? 0) * (photo?.height ?? 0);
      try {
        const paths = [path, staged.path] as const;
        return { record, distance: await comparePictures(paths, pixels, deps.decodeLimits) };
      } catch (error) {
        if (!(error instanceof AppError && error.code === "image_rejected")) throw error;
        throw broken("invokeai", "sent a picture that cannot be decoded", { cause: error });
      }
    });
    const version = found?.record.version;
    const isOtherVersion = version !== undefined && version !== (await versionOf(row.backend));
    const verdict = found
      ? verdictOn(found.distance, isOtherVersion)
      : ({ verdict: "impossible", reason: "no_recorded_graph" } as const);
    await judge(row.id, verdict);
    await deps.storage.removeStaged("generated", row.id);
    return { state: "judged" };
  }

  async function judge(id: string, verdict: Omit<Reproduction, "checkedAt">): Promise<void> {
    const now = deps.now();
    const checkedAt = now.toISOString();
    await judgeReproduction(db, { id, verdict: { ...verdict, checkedAt }, now });
  }

  const versionOf = async (backend: string) => (await findBackend(db, backend))?.apiVersion;

  /** What another version refuses it may have taken when it was that of the picture. */
  async function reasonToTell(id: string, reason: Impossible): Promise<ReproductionReason> {
    const row = await findReproduction(db, id);
    if (reason !== "graph_refused" || !row || row.backend === null) return reason;
    const photo = await findPhotoById(db, row.photoId);
    const record = await withOriginal(photo, readRecordedGraph);
    const isOther =
      record?.version !== undefined && record.version !== (await versionOf(row.backend));
    return isOther ? "version_differs" : reason;
  }

  async function drop({ reproductionId }: ById, signal: AbortSignal): Promise<void> {
    const row = await findReproduction(db, reproductionId);
    if (!row || row.imageName === null || row.backend === null) return;
    try {
      await (await deps.invokeai(row.backend)).deleteImage(row.imageName, signal);
    } catch (error) {
      // Where it may not be deleted it stays, as an intermediate that its gallery does not show.
      if (!(error instanceof ProviderError) || error.retryable) throw error;
    }
    await forgetReproducedImage(db, reproductionId);
  }

  return {
    async nextReproduction({ photoId }: { photoId: string }) {
      const row = await findLiveReproduction(db, photoId);
      if (!row) return { state: "none" as const };
      return {
        state: row.judgedAt === null ? ("open" as const) : ("judged" as const),
        reproductionId: row.id,
      };
    },

    prepareReproduction: (input: ById & { backend: string }): Promise<Prepared> =>
      withHeartbeat((signal) => prepare(input, signal)),

    sendReproduction: (input: ByBatch & { graceMs: number }): Promise<void> =>
      withHeartbeat((signal) => send(input, signal)),

    watchReproduction: (input: ByBatch): Promise<ReproducedBatch> =>
      withHeartbeat((signal) => watch(input, signal)),

    compareReproduction: (input: ByBatch): Promise<{ state: "judged" | "lost" }> =>
      withHeartbeat((signal) => compare(input, signal)),

    closeReproduction: ({ batchId }: ByBatch): Promise<void> => closeReproductionBatch(db, batchId),

    async judgeImpossible(input: ById & { reason: Impossible }): Promise<void> {
      const reason = await reasonToTell(input.reproductionId, input.reason);
      await judge(input.reproductionId, { verdict: "impossible", reason });
    },

    dropReproducedImage: (input: ById): Promise<void> =>
      withHeartbeat((signal) => drop(input, signal)),
  };
}

/** undefined: it has not ended. */
function endOf({ status, imageName, failure }: BatchItem): ReproducedBatch | undefined {
  if (status === "pending" || status === "in_progress") return undefined;
  if (imageName !== null && status !== "failed") return { state: "made" };
  if (status === "cancelled") return { state: "interrupted" };
  return { state: "impossible", reason: reasons[failure?.reason ?? "unknown"] };
}

const reasons: Record<FailureReason, Impossible> = {
  model_missing: "model_gone",
  model_unusable: "graph_refused",
  out_of_memory: "out_of_memory",
  source_missing: "source_gone",
  disk_full: "failed",
  graph_invalid: "graph_refused",
  image_missing: "failed",
  item_unreadable: "graph_refused",
  unreachable: "failed",
  unknown: "failed",
};
