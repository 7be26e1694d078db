import { Context, log } from "@temporalio/activity";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import {
  askForTurn,
  type AskedTurn,
  countWaitingTurns,
  dropEndedTurns,
  leaveLine,
  listClosed,
  listOvertaken,
  promoteIdle,
  releaseTurn,
  markNotified,
  openTurns,
  renewGrant,
} from "#db/queries/line/turns";
import type { Turn } from "#db/schema/turns";
import { notFound } from "#errors";
import { generationStepId } from "#workflows/generation-step/contract";
import { checkLine, invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import type { LineView } from "#workflows/invokeai-backend/policy";
import { photoReproductionId } from "#workflows/photo-reproduction/contract";
import { timingsOf } from "#workflows/timings";
import {
  reasonOf,
  standDown,
  turnGranted,
  type TurnOwner,
  type TurnReply,
} from "#workflows/turn/contract";
import { refreshBackend } from "./backend-probe";
import type { ActivityDeps } from "../deps";
import { withHeartbeat } from "../heartbeat";
import { readRunState } from "../open-runs";
import { signalRun } from "../signal-run";

const entityOf = ({ stepId, photoId }: Turn): TurnOwner =>
  stepId === null ? { photoId: photoId! } : { stepId };

function runOf(turn: Turn): string {
  const owner = entityOf(turn);
  return "stepId" in owner ? generationStepId(owner.stepId) : photoReproductionId(owner.photoId);
}

/** The line for InvokeAI: any of these activities may grant the next turn. Each may run twice. */
export function createTurnActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  const { backendRetryMs, lineCheckMs } = timingsOf({ timings: deps.timings });
  // Long enough for reconcile, which restarts missing runs every minute.
  const lostAfterMs = 4 * lineCheckMs;

  async function ask(owner: TurnOwner): Promise<AskedTurn> {
    const now = deps.now();
    const checkedSince = new Date(now.getTime() - backendRetryMs);
    const { timeZone } = deps.config;
    const asked = await askForTurn(db, { owner, checkedSince, now, timeZone });
    if (!asked) throw notFound("stepId" in owner ? "step" : "photo");
    if (asked.unnotified) await notify(asked.unnotified);
    return asked;
  }

  /** Signals the run that holds the turn. If that fails, `invokeai-backend` signals it again. */
  async function notify(holder: Turn): Promise<void> {
    const { number, backend } = holder;
    if (backend === null) return;
    const grant = { ticket: number, backend };
    const isDelivered = await signalRun(deps, runOf(holder), (run) =>
      run.signal(turnGranted, grant),
    );
    if (isDelivered) await markNotified(db, { number, notifiedAt: deps.now() });
  }

  async function release(owner: TurnOwner): Promise<void> {
    const next = await releaseTurn(db, { owner, now: deps.now() });
    if (next) await notify(next);
  }

  /** One check serves all waiters. */
  async function refreshIfOutdated(): Promise<void> {
    const { ref, checkedAt } = await getPlaceInForce(db);
    if (deps.now().getTime() - (checkedAt?.getTime() ?? 0) < backendRetryMs) return;
    await Promise.race([refreshBackend(deps, ref), Context.current().cancelled]);
  }

  /** A holder whose run is gone is notified again once its run was restarted. It loses the turn if that takes too long. */
  async function checkHolder(holder: Turn): Promise<void> {
    const sinceMs = deps.now().getTime() - holder.grantedAt!.getTime();
    if (holder.notifiedAt === null) {
      await notify(holder);
      if (sinceMs < lostAfterMs || (await readState(holder)) !== "closed") return;
      log.warn("turn released: its run is gone", { workflowId: runOf(holder) });
      return release(entityOf(holder));
    }
    if (sinceMs < lineCheckMs || (await readState(holder)) !== "closed") return;
    await renewGrant(db, { holder, now: deps.now() });
  }

  const readState = (holder: Turn) =>
    readRunState(deps.temporal, runOf(holder)).catch(() => undefined);

  return {
    /** Statements on rows and a signal to the run that was granted the turn; no call to InvokeAI. */
    async askForTurn(owner: TurnOwner): Promise<TurnReply> {
      const asked = await ask(owner);
      return answer(asked, { isUnchecked: asked.position === 1 && !asked.isHeld });
    },

    /** The same for the first in the line when the turn is free but the last check of InvokeAI is too old. */
    checkAndAskForTurn: (owner: TurnOwner): Promise<TurnReply> =>
      withHeartbeat(async () => {
        await refreshIfOutdated();
        const asked = await ask(owner);
        // Not granted: `invokeai-backend` now checks at the shorter interval.
        if (asked.position !== null && !asked.isHeld) {
          await signalRun(deps, invokeaiBackendId, (run) => run.signal(checkLine));
        }
        return answer(asked, { isUnchecked: false });
      }),

    giveTurnBack: release,

    leaveLine: (stay: { owner: TurnOwner; askedAtMs: number }): Promise<boolean> =>
      leaveLine(db, { owner: stay.owner, askedAt: new Date(stay.askedAtMs) }),

    /** Repairs what other runs could not, and grants a free turn. `ready`: `backend` answers and its models were read. */
    tendLine: (checked: { backend: string; ready: boolean }): Promise<LineView> =>
      withHeartbeat(async () => {
        const now = deps.now();
        const { timeZone } = deps.config;
        await dropEndedTurns(db, now);
        await promoteIdle(db, now);
        // Normally signalled by the request; that signal may have been lost.
        const overtaken = await listOvertaken(db, { sessionId: undefined, now, timeZone });
        for (const stepId of new Set([...overtaken, ...(await listClosed(db, now))])) {
          await signalRun(deps, generationStepId(stepId), (run) => run.signal(standDown));
        }
        const holders = await openTurns(db, { ...checked, now: deps.now() });
        for (const holder of holders) await checkHolder(holder);
        const [first] = holders;
        return {
          holder: first ? runOf(first) : null,
          waiting: await countWaitingTurns(db),
        };
      }),
  };
}

function answer(
  { turn, state, position, isHeld, lacks }: AskedTurn,
  { isUnchecked }: { isUnchecked: boolean },
): TurnReply {
  const { waitReason, apiVersion } = state;
  const reason = reasonOf({ waitReason, isHeld, apiVersion, lacks });
  const isIdle = turn.rank > 1;
  const askedAtMs = turn.askedAt.getTime();
  const closesAtMs = turn.closesAt?.getTime() ?? null;
  const { number: ticket, backend } = turn;
  return { ticket, backend, position, reason, isIdle, askedAtMs, closesAtMs, isUnchecked };
}
