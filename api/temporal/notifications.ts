import type { SignalDefinition, Workflow } from "@temporalio/common";
import { cancelRun } from "#workflows/cancel-run";
import {
  generationSessionRun,
  sessionFinished,
  stepCancelled,
  stepRequested,
} from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { invokeaiBackendRun, lookAgain } from "#workflows/invokeai-backend/contract";
import { invokeaiMirrorRun, mirrorWanted } from "#workflows/invokeai-mirror/contract";
import { installChanged, modelInstallRun } from "#workflows/model-install/contract";
import { photoImportRun } from "#workflows/photo-import/contract";
import {
  photoReproductionRun,
  reproductionRequested,
} from "#workflows/photo-reproduction/contract";
import { photoRetrievalRun, retryNow } from "#workflows/photo-retrieval/contract";
import { standDown } from "#workflows/turn/contract";
import type { RunStart } from "#workflows/run-start";
import type { Timings } from "#workflows/timings";
import type { Logger } from "pino";
import { inSpan } from "#tracing/spans";
import { reasonOf, serviceTimeoutMs, type Temporal } from "./connection";

/**
 * Notify the workflow service that a row needs a workflow. The row is the truth: after a failed notification (`false`) the
 * reconcile run finds the row within a minute, so none of these throws or takes more than 2 s.
 */
export interface Notifications {
  /** A session's row was written. */
  sessionOpened(sessionId: string): Promise<boolean>;
  /** A step's row was written, or a failed one was put back to pending. */
  stepRequested(sessionId: string, stepId: string): Promise<boolean>;
  /** Another step of its session goes before this one, which waits in the line. */
  stepOvertaken(stepId: string): Promise<boolean>;
  /** A step's row carries a request to cancel. */
  stepCancelled(sessionId: string, stepId: string): Promise<boolean>;
  /** A session's row was closed. */
  sessionFinished(sessionId: string): Promise<boolean>;
  /** A photo's row was put back to pending, attempts counted from zero. */
  retrievalRetried(photo: RetriedPhoto): Promise<boolean>;
  /** A request to reproduce a photo was written. */
  reproductionRequested(photoId: string): Promise<boolean>;
  /** An import's row was written, or carries a request to cancel. */
  importRequested(importId: string): Promise<boolean>;
  /** A model install's row was written, or carries a request to cancel. */
  installChanged(installId: string): Promise<boolean>;
  /** Pictures of InvokeAI's own page are to be mirrored. Returns within half a second, as the next. */
  mirrorWanted(): Promise<boolean>;
  /** Settings of the backend, or a request for a pod, were written. Owners wait for it: after half a second it goes on by itself. */
  backendChanged(): Promise<boolean>;
}

const soonMs = 500;

type RetriedPhoto = { id: string; sessionId: string | null };

export function createNotifications(
  { client, within }: Temporal,
  log: Logger,
  timings: Partial<Timings> = {},
): Notifications {
  async function notify(what: string, call: () => Promise<unknown>): Promise<boolean> {
    try {
      const start = { name: `notify ${what}`, kind: "client", facts: {} } as const;
      await inSpan(start, () => within(serviceTimeoutMs, call));
      return true;
    } catch (error) {
      log.warn({ what, reason: reasonOf(error) }, "workflow service not notified");
      return false;
    }
  }

  /** False when that is not known in time; a busy service may still hear of it. */
  const notifySoon = (what: string, call: () => Promise<unknown>): Promise<boolean> =>
    Promise.race([notify(what, call), Bun.sleep(soonMs).then(() => false)]);

  const start = ({ type, options }: RunStart) => client.workflow.start(type, options);

  const signal = <Args extends unknown[]>(
    { type, options }: RunStart,
    definition: SignalDefinition<Args>,
    ...signalArgs: Args
  ) =>
    client.workflow.signalWithStart<Workflow, unknown[]>(type, {
      ...options,
      signal: definition.name,
      signalArgs,
    });

  const sessionRun = (sessionId: string) => generationSessionRun({ sessionId, timings });

  return {
    sessionOpened: (sessionId) => notify("sessionOpened", () => start(sessionRun(sessionId))),

    stepRequested: (sessionId, stepId) =>
      notify("stepRequested", () => signal(sessionRun(sessionId), stepRequested, { stepId })),

    stepOvertaken: (stepId) =>
      notify("stepOvertaken", () =>
        client.workflow.getHandle(generationStepId(stepId)).signal(standDown),
      ),

    stepCancelled: (sessionId, stepId) =>
      notify("stepCancelled", async () => {
        // The step's own run first: a cancel is not a signal, and the session's run may have reached its limit of signals.
        if (await cancelRun(client.workflow.getHandle(generationStepId(stepId)))) return;
        await signal(sessionRun(sessionId), stepCancelled, { stepId });
      }),

    sessionFinished: (sessionId) =>
      notify("sessionFinished", () => signal(sessionRun(sessionId), sessionFinished)),

    retrievalRetried: ({ id: photoId, sessionId }) =>
      notify("retrievalRetried", () =>
        signal(photoRetrievalRun({ photoId, sessionId, timings }), retryNow),
      ),

    reproductionRequested: (photoId) =>
      notify("reproductionRequested", () =>
        // With a signal: it makes a run that is about to end check its rows again, where a start alone would do nothing.
        signal(photoReproductionRun({ photoId, timings }), reproductionRequested),
      ),

    importRequested: (importId) =>
      notify("importRequested", () => start(photoImportRun({ importId, timings }))),

    installChanged: (installId) =>
      notify("installChanged", () =>
        // With a signal: a run that pauses between two looks reads its row at once.
        signal(modelInstallRun({ installId, timings }), installChanged),
      ),

    mirrorWanted: () =>
      notifySoon("mirrorWanted", () => signal(invokeaiMirrorRun({ timings }), mirrorWanted)),

    backendChanged: () =>
      notifySoon("backendChanged", () => signal(invokeaiBackendRun({ timings }), lookAgain)),
  };
}
