import { AppError, ProviderError } from "#errors";
import { findBackend } from "#db/queries/backends/backends";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import {
  findReproduction,
  findReproductionOfBatch,
  judgeReproduction,
} from "#db/queries/reproductions/reproductions";
import type { Reproduction, ReproductionReason } from "#db/schema/photos";
import type { ReproductionRow } from "#db/schema/reproductions";
import { withOriginalOf } from "#library/original";
import { readRecordedGraph } from "#media/metadata/recorded-graph";
import { comparePictures } from "#media/pictures/compare-pictures";
import type { Impossible } from "#workflows/photo-reproduction/contract";
import { broken } from "../adapters/http-failures";
import { parseRecordedGraph } from "../adapters/invokeai/graphs/index";
import { isGone } from "../backend/places";
import type { ActivityDeps } from "../deps";
import { withHeartbeat } from "../heartbeat";
import { receiveImage } from "../retrieval/receive-image";
import { paintedShare } from "./reproduced-source";
import { type NoisySource, verdictOn } from "./verdict";

/** Compares reproduced pictures with the originals and writes the verdicts. */
export function createJudgementActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  /** `lost`: the picture was generated, but InvokeAI no longer has it. */
  async function compare(
    batchId: string,
    signal: AbortSignal,
  ): Promise<{ state: "judged" | "lost" }> {
    const row = await findReproductionOfBatch(db, batchId);
    // An earlier try was interrupted after its verdict.
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
    const pixels = (photo?.width ?? 0) * (photo?.height ?? 0);
    const found = await withOriginalOf(deps.storage, photo, async (path) => {
      const record = await readRecordedGraph(path);
      const distance = await compareWith(path, staged.path, pixels);
      return {
        record,
        distance,
        noisy: await noisySourceOf(row, record, { path, pixels }, signal),
      };
    });
    const version = found?.record.version;
    const isOtherVersion = version !== undefined && version !== (await versionOf(row.backend));
    const share = photo ? await paintedShare(db, photo) : 1;
    const verdict = found
      ? verdictOn(found.distance, { isOtherVersion, noisy: found.noisy, share })
      : ({ verdict: "impossible", reason: "no_recorded_graph" } as const);
    await judge(row.id, verdict);
    await deps.storage.removeStaged("generated", row.id);
    return { state: "judged" };
  }

  async function compareWith(
    path: string,
    received: string,
    pixels: number,
    ...more: [otherSize?: "is stretched"]
  ) {
    try {
      return await comparePictures([path, received], pixels, deps.decodeLimits, ...more);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "image_rejected")) throw error;
      throw broken("invokeai", "sent a picture that cannot be decoded", { cause: error });
    }
  }

  /**
   * How far the picture is from its source, for image to image with unseeded noise; undefined for other graphs, or when
   * InvokeAI no longer has the source.
   */
  async function noisySourceOf(
    row: ReproductionRow,
    { graph }: { graph: unknown },
    { path, pixels }: { path: string; pixels: number },
    signal: AbortSignal,
  ): Promise<NoisySource | undefined> {
    const recorded = parseRecordedGraph(graph);
    const imageName = row.sourceImageName ?? recorded?.pictures["source"];
    const strength = recorded?.noisyStrength;
    if (strength === undefined || imageName === undefined || row.backend === null) return undefined;
    await using staged = await deps.storage.stage("generated", row.id);
    try {
      await receiveImage(deps, { backend: row.backend, imageName, staged }, signal);
    } catch (error) {
      if (error instanceof ProviderError && error.fault === "missing") return undefined;
      throw error;
    }
    const found = await compareWith(path, staged.path, pixels, "is stretched");
    return found.state === "compared" ? { strength, distance: found.distance } : undefined;
  }

  async function judge(id: string, verdict: Omit<Reproduction, "checkedAt">): Promise<void> {
    const now = deps.now();
    const checkedAt = now.toISOString();
    await judgeReproduction(db, { id, verdict: { ...verdict, checkedAt }, now });
  }

  const versionOf = async (backend: string) => (await findBackend(db, backend))?.apiVersion;

  /** A graph that another InvokeAI version refuses may have been valid in the version of the picture. */
  async function explainImpossible(id: string, reason: Impossible): Promise<ReproductionReason> {
    const row = await findReproduction(db, id);
    if (reason !== "graph_refused" || !row || row.backend === null) return reason;
    const photo = await findPhotoById(db, row.photoId);
    const record = await withOriginalOf(deps.storage, photo, readRecordedGraph);
    const isOther =
      record?.version !== undefined && record.version !== (await versionOf(row.backend));
    return isOther ? "version_differs" : reason;
  }

  return {
    compareReproduction: (input: { batchId: string }): Promise<{ state: "judged" | "lost" }> =>
      withHeartbeat(async (signal) => {
        try {
          return await compare(input.batchId, signal);
        } catch (error) {
          if (isGone(error)) return { state: "lost" };
          throw error;
        }
      }),

    async judgeImpossible(input: { reproductionId: string; reason: Impossible }): Promise<void> {
      const reason = await explainImpossible(input.reproductionId, input.reason);
      await judge(input.reproductionId, { verdict: "impossible", reason });
    },
  };
}
