import { afterAll, expect, test } from "bun:test";
import { generationSessionId, stepRequested } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { checkLine, invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, gallery, worker } = await startGallery({ timings: { maxSignalsPerRun: 2 } });
afterAll(() => stack.stop(), 30_000);

const secondsOf = (moment?: { seconds?: unknown; nanos?: number | null } | null) =>
  Number(moment?.seconds ?? 0) + (moment?.nanos ?? 0) / 1e9;

async function eventsOf(workflowId: string, runId?: string) {
  return (await stack.temporal.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? [];
}

test("every workflow has a task time-out of 5 s, also after it continues as new", async () => {
  // A failed first attempt to fetch an image starts a retrieval run.
  await stack.invokeai.control.addFault({ kind: "status_502_html", route: "imageFull", times: 1 });
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id, { parameters: { batch_size: 1 } });
  await gallery.stepIs(step.id, ["completed"]);
  await gallery.allRetrieved(step.id, 1);
  // As many signals as end a run.
  const backend = stack.temporal.workflow.getHandle(invokeaiBackendId);
  const open = stack.temporal.workflow.getHandle(generationSessionId(session.id));
  for (let signals = 0; signals < 2; signals++) {
    await backend.signal(checkLine);
    await open.signal(stepRequested, { stepId: step.id });
  }
  const expected = [
    "generationSession",
    "generationSession, continued",
    "generationStep",
    "invokeaiBackend",
    "invokeaiBackend, continued",
    "photoRetrieval",
    "reconcile",
    "refreshModels",
  ];
  const seconds = await until("every workflow to be listed", async () => {
    const seen: Record<string, number> = {};
    for await (const { workflowId, runId, type } of stack.temporal.workflow.list()) {
      const [start] = await eventsOf(workflowId, runId);
      const started = start?.workflowExecutionStartedEventAttributes;
      const kind = started?.continuedExecutionRunId ? `${type}, continued` : type;
      seen[kind] = secondsOf(started?.workflowTaskTimeout);
    }
    return expected.every((kind) => kind in seen) && seen;
  });
  for (const [kind, timeout] of Object.entries(seconds)) expect([kind, timeout]).toEqual([kind, 5]);
}, 90_000);

test("a workflow task held by a killed worker delays a cancel by 5 s, not by 10 s", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id, { parameters: { batch_size: 1, seed: 7 } });
  await control.until(({ frozen }) => frozen !== null);
  const run = generationStepId(step.id);
  // A stopped worker keeps its polls open, so the server assigns it the task.
  process.kill(worker.pid, "SIGSTOP");
  const before = (await eventsOf(run)).length;
  await gallery.post(`/generation/steps/${step.id}/cancel`);
  const lost = await until("a task assigned to the stopped worker", async () =>
    (await eventsOf(run)).slice(before).find((event) => event.workflowTaskStartedEventAttributes),
  );
  await worker.kill();
  await stack.startWorker();
  await gallery.stepIs(step.id, ["cancelled"]);
  // Matched by its start: a task that is not polled in time also times out, without a start.
  const timedOut = (await eventsOf(run)).find((event) =>
    event.workflowTaskTimedOutEventAttributes?.startedEventId?.eq(lost.eventId ?? 0),
  );
  expect(secondsOf(timedOut?.eventTime) - secondsOf(lost.eventTime)).toBeWithin(4.5, 7);
}, 90_000);
