import { AppError, ProviderError } from "#errors";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import { isOutcomeUnknown, readCallFailure } from "../adapters/invokeai/errors";
import type { EnqueueAnswer } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { permanentFailure } from "../failures";
import { pause } from "../heartbeat";

/** The state of a batch: its backend, when it was claimed for sending, and when it was found on the backend. */
type Sending = {
  backend: string;
  postedAt: Date | null;
  acceptedAt: Date | null;
  settledAt: Date | null;
};

/** The row that coordinates the sending of a batch. */
export type SendingLedger = {
  /** undefined: the batch is no longer wanted. */
  find(): Promise<Sending | undefined>;
  /** Claims the right to send: true for exactly one of all callers that found the same `postedAt`. */
  claim(params: { found: Date | null; now: Date }): Promise<boolean>;
  /** Releases the claim: only for a batch that InvokeAI certainly did not take. */
  release(posted: Date): Promise<void>;
  accept(now: Date): Promise<void>;
  /** InvokeAI refused the batch permanently. */
  refuse(now: Date): Promise<void>;
};

/** Between two polls for a batch whose sending is in doubt. */
export const pollEveryMs = 500;

/**
 * The end of the in-doubt period: until then a batch claimed at `posted` may still arrive. The sender gives up after its
 * time-outs; the grace period covers a request that was on the wire by then.
 */
export function inDoubtUntil(
  { config }: Pick<ActivityDeps, "config">,
  sent: { posted: Date; graceMs: number },
): Date {
  const { connectionTimeoutMs, readTimeoutMs } = config.invokeai;
  return new Date(sent.posted.getTime() + connectionTimeoutMs + readTimeoutMs + sent.graceMs);
}

/**
 * Sends a batch exactly once, even with concurrent callers. The protocol is described in
 * docs/workflows/generation-step.md. `send` posts the batch; it returns undefined if there is nothing left to post.
 * @throws ApplicationFailure, not retryable, when InvokeAI refuses; ProviderError `busy` when its queue is full,
 * `locked` when it requires another login
 */
export async function sendOnce(
  deps: Pick<ActivityDeps, "config" | "invokeai" | "now">,
  batch: {
    batchId: string;
    graceMs: number;
    ledger: SendingLedger;
    send: (invokeai: InvokeAiClient) => Promise<EnqueueAnswer | undefined>;
  },
  signal: AbortSignal,
): Promise<void> {
  const { batchId, graceMs, ledger, send } = batch;
  for (;;) {
    const sending = await ledger.find();
    if (!sending || sending.settledAt || sending.acceptedAt) return;
    const invokeai = await deps.invokeai(sending.backend);
    const { total } = await invokeai.getBatchStatus(batchId, signal);
    if (total > 0) return ledger.accept(deps.now());
    const found = sending.postedAt;
    if (found !== null && deps.now() < inDoubtUntil(deps, { posted: found, graceMs })) {
      await pause(pollEveryMs, signal);
      continue;
    }
    const posted = deps.now();
    if (!(await ledger.claim({ found, now: posted }))) continue;
    try {
      const answer = await send(invokeai);
      if (!answer) return;
      if (answer.enqueued > 0) return await ledger.accept(deps.now());
    } catch (error) {
      if (error instanceof ProviderError && isOutcomeUnknown(error)) continue;
      if (signal.aborted) throw error;
      if (error instanceof ProviderError && error.fault === "locked") {
        // InvokeAI took nothing: the same batch is sent once a login is accepted.
        await ledger.release(posted);
        throw error;
      }
      await ledger.refuse(deps.now());
      throw refusalOf(error);
    }
    // InvokeAI took nothing: the same batch may be sent again when its queue has room.
    await ledger.release(posted);
    throw new ProviderError({
      provider: "invokeai",
      fault: "busy",
      message: "InvokeAI's queue is full.",
      retryable: true,
    });
  }
}

/** The failure for the step's row; an unexpected error is retried. */
function refusalOf(error: unknown): unknown {
  if (error instanceof ProviderError) return permanentFailure(readCallFailure(error));
  if (!(error instanceof AppError)) return error;
  const { code, message } = error;
  return permanentFailure({ code, message, suggestion: "Request the step with other parameters." });
}
