import { changeInstall, endInstall, findInstall, modelListOf } from "#db/queries/models/installs";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { findPodSession } from "#db/queries/pods/sessions";
import type { ModelInstall } from "#db/schema/model-installs";
import { finalPodStatuses } from "#db/schema/pod-sessions";
import { ProviderError } from "#errors";
import { parseModelSource } from "#model-sources";
import type { InstallView } from "#workflows/model-install/contract";
import type { ActivityDeps } from "../deps";
import { withHeartbeat } from "../heartbeat";
import { cancelJob, followJob, type InstallStep } from "./follow-job";
import { findInstaller } from "./installer";
import { sendInstall } from "./send-install";

type Input = { installId: string; graceMs: number };

/** Installs of models by InvokeAI. Each call does one step, from rows alone; it may be killed anywhere, and run twice at once. */
export function createInstallActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function tend({ installId, graceMs }: Input, signal: AbortSignal): Promise<InstallView> {
    const row = await findInstall(db, installId);
    if (!row || row.completedAt !== null) return describe(row);
    const ending = await findEnding(row);
    if (ending) {
      await endInstall(db, { seen: row, ending, now: deps.now() });
      return describe(await findInstall(db, installId));
    }
    try {
      const installer = await findInstaller(deps, row.place);
      const source = parseModelSource(row.source)!;
      const step = { deps, row, installer, source, graceMs, signal };
      return await takeStep(step);
    } catch (error) {
      if (error instanceof ProviderError) await noteWait(row, error);
      throw error;
    }
  }

  async function takeStep(step: InstallStep): Promise<InstallView> {
    const { row, installer } = step;
    if (row.backend !== null && row.backend !== installer.backend) {
      // The pod that had its job took it along.
      const set = { backend: null, jobId: null, sentAt: null, bytes: 0, totalBytes: null };
      await changeInstall(db, { seen: row, set });
    } else if (row.cancelRequestedAt !== null) await cancelJob(step);
    else if (row.jobId !== null) await followJob(step);
    else await sendInstall(step);
    return describe(await findInstall(db, row.id));
  }

  /** What ends an install without InvokeAI. */
  async function findEnding(row: ModelInstall) {
    if (parseModelSource(row.source) === undefined) {
      const error = "This is neither a repository of Hugging Face nor the address of a file.";
      return { status: "failed", error } as const;
    }
    if (row.cancelRequestedAt !== null) {
      // A job that may run at InvokeAI has to be cancelled there, unless its place may never be back.
      const isBack = modelListOf((await getPlaceInForce(db)).ref) === row.place;
      if (row.sentAt === null || (row.place !== "local" && !isBack)) {
        return { status: "cancelled" } as const;
      }
    }
    if (row.podSessionId === null) return undefined;
    const session = await findPodSession(db, row.podSessionId);
    const isOver = session === undefined || finalPodStatuses.some((one) => one === session.status);
    if (!isOver) return undefined;
    return {
      status: "failed",
      error: "The rented GPU ended before the model was installed.",
    } as const;
  }

  async function noteWait(row: ModelInstall, { message }: ProviderError): Promise<void> {
    if (row.message !== message) await changeInstall(db, { seen: row, set: { message } });
  }

  return {
    tendInstall: (input: Input): Promise<InstallView> =>
      withHeartbeat((signal) => tend(input, signal)),

    /** Ends an open install whose run fails. */
    async failInstall(input: { installId: string; reason: string }): Promise<void> {
      for (;;) {
        const row = await findInstall(db, input.installId);
        if (!row || row.completedAt !== null) return;
        const ending = { status: "failed", error: input.reason } as const;
        if (await endInstall(db, { seen: row, ending, now: deps.now() })) return;
      }
    },
  };
}

function describe(row: ModelInstall | undefined): InstallView {
  if (!row) return { status: "failed", message: "There is no such install.", next: "over" };
  const { status, source } = row;
  if (status === "completed") {
    return { status, message: `${source} is installed.`, next: "over" };
  }
  if (status === "failed") return { status, message: row.error ?? "", next: "over" };
  if (status === "cancelled") {
    return { status, message: row.error ?? "Cancelled, as asked.", next: "over" };
  }
  const isSent = row.jobId !== null;
  return {
    status: isSent ? "installing" : "waiting",
    message: row.message ?? `${source} is about to be installed.`,
    next: "later",
  };
}
