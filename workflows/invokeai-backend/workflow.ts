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

type View = Awaited<ReturnType<Activities["checkBackend"]>>;

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
  let view: View | undefined;
  let lookedAt = 0;
  let wasConnected = false;
  let toldAllAt = Date.now();
  let lineToldAt = 0;

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
    await condition(() => changed, pauseMs(view));
  }

  function pauseMs(view: View): number {
    if (turns.isIdle()) return timings.backendCheckMs;
    if (!view.ready && turns.waiting() > 0) return timings.backendRetryMs;
    const isTold = turns.line().every(([place, id]) => told.get(id) === wordsFor(place, view));
    return isTold ? timings.turnAskAgainMs : timings.linePauseMs;
  }

  async function tellEverybody(view: View): Promise<void> {
    const holder = turns.holder();
    if (
      holder !== null &&
      !(await tell(holder, "granted", () => signalGranted(holder, view.backend)))
    ) {
      turns.done(holder);
      changed = true;
    }
    // Where many wait, each change of turn is news to all of them: it is told to all at once, and not each time. Who
    // just asked is answered. Runs from before it told each change, one after the other.
    if (!patched("line-told-seldom")) {
      for (const [place, workflowId] of turns.line()) await tellPlace(place, workflowId, view);
      return;
    }
    const mayMove = Date.now() - lineToldAt >= timings.linePauseMs;
    const due = turns.line().filter(([, workflowId]) => mayMove || !told.has(workflowId));
    if (due.some(([place, id]) => told.has(id) && told.get(id) !== wordsFor(place, view))) {
      lineToldAt = Date.now();
    }
    await Promise.all(due.map(([place, workflowId]) => tellPlace(place, workflowId, view)));
  }

  async function tellPlace(place: number, workflowId: string, view: View): Promise<void> {
    const reason = reasonToWait(view);
    const heard = await tell(workflowId, wordsFor(place, view), () =>
      getExternalWorkflowHandle(workflowId).signal(turnWaiting, { place, reason }),
    );
    if (heard) return;
    turns.done(workflowId);
    // Those behind it move up.
    changed = true;
  }

  function reasonToWait(view: View): string {
    return turns.holder() === null ? view.reason : "Another step is being generated.";
  }

  function wordsFor(place: number, view: View): string {
    return `${place} ${reasonToWait(view)}`;
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
