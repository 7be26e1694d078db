import { ProviderError } from "#errors";
import { getSettings } from "#db/queries/installation/settings";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import {
  closeReproductionBatch,
  findLiveReproduction,
  findReproduction,
  findReproductionOfBatch,
  forgetReproducedImage,
  noteReproducedImage,
  openReproductionBatch,
} from "#db/queries/reproductions/reproductions";
import {
  claimPost,
  markAccepted,
  noteSourceImage,
  releasePost,
} from "#db/queries/steps/sending-ledgers";
import type { ReproductionRow } from "#db/schema/reproductions";
import { withOriginalOf } from "#library/original";
import { readRecordedGraph } from "#media/metadata/recorded-graph";
import type { Impossible, ReproducedBatch } from "#workflows/photo-reproduction/contract";
import type { FailureReason } from "../adapters/invokeai/errors";
import { parseRecordedGraph, replayGraph } from "../adapters/invokeai/graphs/index";
import type { BatchItem } from "../adapters/invokeai/types";
import { refreshBackend } from "../backend/backend-probe";
import { hasEnded, isGone } from "../backend/places";
import type { ActivityDeps } from "../deps";
import { pause, withHeartbeat } from "../heartbeat";
import { isCutShort } from "../pods/cut-short";
import { ensureReproductionPictures } from "./reproduced-source";
import { hasReaders, resolveRecordedModels } from "./reproduced-models";
import { type SendingLedger, sendOnce } from "../generation/send-once";

type ByBatch = { batchId: string };
type ById = { reproductionId: string };
/** `gone`: the place of the turn has ended, so another turn is needed. */
type Prepared =
  | { state: "ready"; batchId: string }
  | { state: "impossible"; reason: Impossible }
  | { state: "gone" };

const pollEveryMs = 1_000;
/** This many polls in a row must find nothing before the batch counts as gone. */
const missesUntilGone = 3;

/** Runs recorded graphs again; described in docs/workflows/photo-reproduction.md. */
export function createReproductionActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  /** The graph to run, read from the picture itself. */
  async function readRecord(photoId: string) {
    const photo = await findPhotoById(db, photoId);
    const record = await withOriginalOf(deps.storage, photo, readRecordedGraph);
    if (!photo || !record?.graph) return "no_recorded_graph";
    const recorded = parseRecordedGraph(record.graph, {
      output: photo.generation?.recipe?.output ?? 0,
      allowed: (await getSettings(db, deps.config))["generation.allowed_node_types"],
    });
    if (!recorded) return "graph_unknown";
    return { photo, recorded };
  }

  async function prepare(
    { reproductionId, backend }: ById & { backend: string },
    signal: AbortSignal,
  ): Promise<Prepared> {
    if (await isCutShort(db, backend)) return { state: "impossible", reason: "interrupted" };
    if (await hasEnded(deps, backend)) {
      // So that no other turn is granted there.
      await refreshBackend(deps, backend);
      return { state: "gone" };
    }
    const before = await findReproduction(db, reproductionId);
    await closeIfGone(before);
    const record = before ? await readRecord(before.photoId) : "no_recorded_graph";
    if (typeof record === "string") return { state: "impossible", reason: record };
    const models = await resolveRecordedModels(db, record.recorded.models, backend);
    if (typeof models === "string") return { state: "impossible", reason: models };
    // InvokeAI would fetch one that it lacks.
    if (!(await hasReaders(db, record.recorded.readers, backend))) {
      return { state: "impossible", reason: "model_gone" };
    }
    await openReproductionBatch(db, { id: reproductionId, backend });
    const row = await findReproduction(db, reproductionId);
    if (!row?.batchId || row.backend === null) throw new Error("a batch that was just opened");
    const { batchId } = row;
    const { pictures } = record.recorded;
    const isUploaded = row.sourceImageName !== null || Object.keys(row.imageNames).length > 0;
    if (Object.keys(pictures).length > 0 && !isUploaded && row.postedAt === null) {
      const wanted = { photo: record.photo, pictures, backend: row.backend };
      const names = await ensureReproductionPictures(deps, wanted, signal);
      if (!names) return { state: "impossible", reason: "source_gone" };
      const { source: imageName = null, ...imageNames } = names;
      await noteSourceImage(db, { ledger: "reproductions", batchId, imageName, imageNames });
    }
    return { state: "ready", batchId };
  }

  /** Closes an open batch that ended with its place. */
  async function closeIfGone(row: ReproductionRow | undefined): Promise<void> {
    if (!row?.batchId || row.backend === null || row.judgedAt !== null) return;
    if (await hasEnded(deps, row.backend)) await closeReproductionBatch(db, row.batchId);
  }

  function ledgerOf(batchId: string): SendingLedger {
    const sent = { ledger: "reproductions", batchId } as const;
    return {
      async find() {
        const row = await findReproductionOfBatch(db, batchId);
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
        const row = await findReproductionOfBatch(db, batchId);
        const record = row ? await readRecord(row.photoId) : "no_recorded_graph";
        if (!row || row.backend === null || typeof record === "string") return undefined;
        const { recorded } = record;
        const models = await resolveRecordedModels(db, recorded.models, row.backend);
        if (typeof models === "string") return undefined;
        const current: Record<string, string | null> = {
          ...row.imageNames,
          source: row.sourceImageName,
        };
        const images = Object.entries(recorded.pictures).map(([role, name]): [string, string] => [
          name,
          current[role] ?? name,
        ]);
        const graph = replayGraph(recorded, models, new Map(images));
        const slots = [{ index: 0, seed: recorded.seed }];
        return invokeai.enqueueBatch({ batchId, graph, slots }, signal);
      },
    };
    try {
      await sendOnce(deps, batch, signal);
    } catch (error) {
      // Never accepted: the watch that follows reports an interruption.
      if (!isGone(error)) throw error;
    }
  }

  async function watch({ batchId }: ByBatch, signal: AbortSignal): Promise<ReproducedBatch> {
    for (let misses = 0; ;) {
      const row = await findReproductionOfBatch(db, batchId);
      if (!row || row.backend === null || row.acceptedAt === null) return { state: "interrupted" };
      const polled = await poll(batchId, row.backend, signal);
      if (polled === "gone") return { state: "interrupted" };
      if (polled !== "away") {
        const [item] = polled.items;
        if (polled.unreadable > 0) {
          // It would block InvokeAI's whole queue.
          await (await deps.invokeai(row.backend)).cancelBatch(batchId, signal);
          return { state: "impossible", reason: "graph_refused" };
        }
        misses = item ? 0 : misses + 1;
        if (misses >= missesUntilGone) return { state: "interrupted" };
        const ended = item && endOf(item);
        if (item && ended?.state === "made") {
          await noteReproducedImage(db, { batchId, imageName: item.imageName });
        }
        if (ended) return ended;
      }
      await pause(pollEveryMs, signal);
    }
  }

  async function poll(batchId: string, backend: string, signal: AbortSignal) {
    try {
      const invokeai = await deps.invokeai(backend);
      return await invokeai.listBatchItems(batchId, signal);
    } catch (error) {
      if (isGone(error)) return "gone";
      // InvokeAI may be restarting; polling goes on until it answers.
      if (error instanceof ProviderError && error.retryable) return "away";
      throw error;
    }
  }

  async function drop({ reproductionId }: ById, signal: AbortSignal): Promise<void> {
    const row = await findReproduction(db, reproductionId);
    if (!row || row.imageName === null || row.backend === null) return;
    try {
      await (await deps.invokeai(row.backend)).deleteImage(row.imageName, signal);
    } catch (error) {
      // An image that may not be deleted, or whose place is not running, stays as an intermediate one, which InvokeAI's
      // gallery hides.
      if (!(error instanceof ProviderError) || (error.retryable && error.fault !== "away"))
        throw error;
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

    closeReproduction: ({ batchId }: ByBatch): Promise<void> => closeReproductionBatch(db, batchId),

    dropReproducedImage: (input: ById): Promise<void> =>
      withHeartbeat((signal) => drop(input, signal)),
  };
}

/** undefined: the item has not ended. */
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
