import type { Client } from "@temporalio/client";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";

export const shareNames = [
  "image work (download, decode, derive, store)",
  "our other activities and workflow code",
  "waiting for the simulated InvokeAI",
  "Temporal (dispatch of tasks) and the request",
] as const;
export type Share = (typeof shareNames)[number];

/** Times in ms since 1970, all from the same clock: everything runs on this machine. */
export type SessionRun = {
  sessionId: string;
  stepId: string;
  requestedAt: number;
  endedAt: number;
};

const [imageWork, ourCode, invokeai, temporal] = shareNames;
type Span = { share: Share; from: number; to: number };

const shareOfActivity: Record<string, Share> = {
  fetchImages: imageWork,
  retrieveImage: imageWork,
  runBatch: invokeai,
};

/**
 * How the time of a session's step is divided, in ms by kind, from its runs' histories: an activity lasts from
 * ActivityTaskStarted to its end, workflow code from WorkflowTaskStarted to WorkflowTaskCompleted. Overlapping times
 * count for the first of `shareNames`, times without any for Temporal.
 */
export async function readShares(client: Client, run: SessionRun): Promise<Record<Share, number>> {
  const spans = (await readHistories(client, run)).flatMap(spansOf);
  const shares = Object.fromEntries(shareNames.map((name) => [name, 0])) as Record<Share, number>;
  for (let at = run.requestedAt; at < run.endedAt; at += 1) {
    const going = new Set(
      spans.filter((span) => span.from <= at && at < span.to).map((span) => span.share),
    );
    shares[shareNames.find((name) => going.has(name)) ?? temporal] += 1;
  }
  return shares;
}

/** How many events the runs of a session with one step have, once all of them have ended. */
export async function countEvents(client: Client, run: SessionRun): Promise<number> {
  await client.workflow.getHandle(generationSessionId(run.sessionId)).result();
  return (await readHistories(client, run)).reduce((sum, events) => sum + events.length, 0);
}

/** Of the session, its step, and what that started. */
async function readHistories(client: Client, run: SessionRun): Promise<Event[][]> {
  const histories = [await readEvents(client, generationSessionId(run.sessionId))];
  const step = await readEvents(client, generationStepId(run.stepId));
  histories.push(step);
  for (const event of step) {
    const child = event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId;
    if (child) histories.push(await readEvents(client, child));
  }
  return histories;
}

type History = Awaited<ReturnType<ReturnType<Client["workflow"]["getHandle"]>["fetchHistory"]>>;
type Event = NonNullable<History["events"]>[number];

async function readEvents(client: Client, workflowId: string): Promise<Event[]> {
  return (await client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
}

function spansOf(events: Event[]): Span[] {
  const byId = new Map(events.map((event) => [String(event.eventId), event]));
  const find = (id: unknown) => byId.get(String(id));
  return events.flatMap((event) => {
    const task = event.workflowTaskCompletedEventAttributes;
    if (task) return spanOf(find(task.startedEventId), event, ourCode);
    const activity =
      event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes;
    if (!activity) return [];
    const scheduled = find(activity.scheduledEventId)?.activityTaskScheduledEventAttributes;
    const share = shareOfActivity[scheduled?.activityType?.name ?? ""] ?? ourCode;
    return spanOf(find(activity.startedEventId), event, share);
  });
}

function spanOf(start: Event | undefined, end: Event, share: Share): Span[] {
  return start ? [{ share, from: momentOf(start), to: momentOf(end) }] : [];
}

function momentOf({ eventTime }: Event): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1e6;
}
