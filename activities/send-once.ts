import { AppError, ProviderError } from "#errors";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import { isOutcomeUnknown, readCallFailure } from "./adapters/invokeai/errors";
import type { EnqueueAnswer } from "./adapters/invokeai/types";
import type { ActivityDeps } from "./deps";
import { giveUp } from "./failures";
import { pause } from "./heartbeat";

/** What is written of a batch: where it goes, who took the right to send it and when, and whether it was seen there. */
type Sending = {
  backend: string;
  postedAt: Date | null;
  acceptedAt: Date | null;
  settledAt: Date | null;
};

/** The row that a batch is sent by. */
export type SendingLedger = {
  /** undefined: nobody wants it any more. */
  find(): Promise<Sending | undefined>;
  /** Takes the right to send: true for exactly one of all who found the same `postedAt`. */
  claim(params: { found: Date | null; now: Date }): Promise<boolean>;
  /** Gives the right back: for a batch that certainly never left. */
  release(posted: Date): Promise<void>;
  accept(now: Date): Promise<void>;
  /** The server wants nothing of it, and will not want it later. */
  refuse(now: Date): Promise<void>;
};

/** A batch found neither here nor there is looked for so often. */
export const lookEveryMs = 500;

/**
 * Until when a batch sent at `posted` may still arrive: the sender gives up after its time-outs, and
 * what it had sent by then needs a moment to be taken in.
 */
export function doubtEnds(
  { config }: Pick<ActivityDeps, "config">,
  sent: { posted: Date; graceMs: number },
): Date {
  const { connectionTimeoutMs, readTimeoutMs } = config.invokeai;
  return new Date(sent.posted.getTime() + connectionTimeoutMs + readTimeoutMs + sent.graceMs);
}

/**
 * Sends a batch, once, whoever else tries the same at any time. The protocol is described in
 * docs/workflows/generation-step.md. `send` posts it, and answers undefined where nothing is left to post.
 * @throws ApplicationFailure that is not tried again when the server refuses;ProviderError `busy` when its queue is full,
 * `locked` when it wants another login
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
    if (found !== null && deps.now() < doubtEnds(deps, { posted: found, graceMs })) {
      await pause(lookEveryMs, signal);
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
        // Nothing was taken, and the same batch goes out once a login is accepted.
        await ledger.release(posted);
        throw error;
      }
      await ledger.refuse(deps.now());
      throw refusalOf(error);
    }
    // Nothing was taken, so that the same batch may be sent again when there is room.
    await ledger.release(posted);
    throw new ProviderError({
      provider: "invokeai",
      fault: "busy",
      message: "InvokeAI's queue is full.",
      retryable: true,
    });
  }
}

/** Why the step fails, in words for its row; what nobody named is tried again. */
function refusalOf(error: unknown): unknown {
  if (error instanceof ProviderError) return giveUp(readCallFailure(error));
  if (!(error instanceof AppError)) return error;
  const { code, message } = error;
  return giveUp({ code, message, suggestion: "Request the step with other parameters." });
}
