import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { turnGranted, turnWaiting } from "../generation-step/contract";
import { present } from "../lib/present";
import { timingsOf } from "../timings";
import { type InvokeaiBackendInput, turnDone, turnWanted } from "./contract";
import { createTurns } from "./turns";

/** Where InvokeAI runs, whether it answers, and whose turn it is. Exactly one run, always. */
export async function invokeaiBackend(input: InvokeaiBackendInput): Promise<void> {
  const timings = timingsOf(input);
  // A look at InvokeAI tells in its result when nobody answers; what is retried here is our own database. No turn is
  // granted meanwhile, so that a worker that died of it is to be noticed soon.
  const { checkBackend, syncModels } = proxyActivities<Activities>({
    startToCloseTimeout: "2 minutes",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
  });
  const turns = createTurns(input.turns);
  const told = new Map<string, string>();
  let changed = true;
  let view: Awaited<ReturnType<Activities["checkBackend"]>> | undefined;
  let lookedAt = 0;
  let wasConnected = false;
  let toldAllAt = Date.now();

  setHandler(turnWanted, ({ workflowId }) => {
    turns.want(workflowId);
    // Whoever asks again may not have heard the last answer.
    told.delete(workflowId);
    changed = true;
  });
  setHandler(turnDone, ({ workflowId }) => {
    turns.done(workflowId);
    told.delete(workflowId);
    changed = true;
  });

  for (;;) {
    changed = false;
    // Sixteen that wait and ask again make no sixteen looks. Runs from before it looked each time.
    const isFresh = Date.now() - lookedAt < timings.backendRetryMs && patched("fresh-view");
    if (view === undefined || !isFresh) {
      view = await checkBackend({});
      lookedAt = Date.now();
    }
    if (view.ready && !wasConnected) await syncModels({});
    wasConnected = view.ready;
    if (view.ready) turns.grantNext();
    // A run that was ended from outside gives no turn back: telling it again finds out. By the clock, as
    // others that ask for their turn would keep a pause from ever passing undisturbed.
    if (Date.now() - toldAllAt >= timings.turnAskAgainMs) {
      told.clear();
      toldAllAt = Date.now();
    }
    await tellEverybody(view);
    present(view.ready ? "ready" : "unreachable", turns.describe(view.reason));
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof invokeaiBackend>({ timings: input.timings, turns: turns.state() });
    }
    const isUrgent = !view.ready && turns.waiting() > 0;
    await condition(() => changed, isUrgent ? timings.backendRetryMs : checkPauseMs());
  }

  function checkPauseMs(): number {
    return turns.isIdle() ? timings.backendCheckMs : timings.turnAskAgainMs;
  }

  async function tellEverybody(view: { backend: string; reason: string }): Promise<void> {
    const holder = turns.holder();
    if (
      holder !== null &&
      !(await tell(holder, "granted", () => signalGranted(holder, view.backend)))
    ) {
      turns.done(holder);
      changed = true;
    }
    for (const [place, workflowId] of turns.line()) {
      const reason = holder === null ? view.reason : "Another step is being generated.";
      const heard = await tell(workflowId, `${place} ${reason}`, () =>
        getExternalWorkflowHandle(workflowId).signal(turnWaiting, { place, reason }),
      );
      if (heard) continue;
      turns.done(workflowId);
      // Those behind it move up.
      changed = true;
    }
  }

  function signalGranted(workflowId: string, backend: string): Promise<void> {
    return getExternalWorkflowHandle(workflowId).signal(turnGranted, { backend });
  }

  /** Sends what was not said yet; false when there is no such run any more. */
  async function tell(
    workflowId: string,
    words: string,
    send: () => Promise<void>,
  ): Promise<boolean> {
    if (told.get(workflowId) === words) return true;
    try {
      await send();
      told.set(workflowId, words);
      return true;
    } catch {
      told.delete(workflowId);
      return false;
    }
  }
}
