import type { Db } from "#db/client";
import { type PodSession, podSessions, podWork } from "#db/schema/pod-sessions";
import { sessions } from "#db/schema/sessions";
import { type Step, steps } from "#db/schema/steps";

const minuteMs = 60_000;
export const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * minuteMs);

/** Inserts a session whose pod runs since an hour, at half a dollar an hour; `ended` as of now. */
export async function insertPod(
  db: Db,
  overrides: Partial<typeof podSessions.$inferInsert> = {},
): Promise<PodSession> {
  const id = overrides.id ?? crypto.randomUUID();
  const isFinal = overrides.status === "ended" || overrides.status === "failed";
  const [row] = await db
    .insert(podSessions)
    .values({
      id,
      place: overrides.volumeId ? `volume:${overrides.volumeId}` : `pod:${id}`,
      status: "ready",
      statusSince: minutesAgo(55),
      requestedAt: minutesAgo(61),
      attempt: 1,
      podName: "gallery-0123456789ab-01JDXYZABCDEF",
      createSentAt: minutesAgo(60),
      gpuType: "NVIDIA RTX A5000",
      dataCenter: "EU-RO-1",
      diskGb: 40,
      podId: "pod1",
      madeAt: minutesAgo(60),
      readyAt: isFinal ? null : minutesAgo(55),
      hourlyMicros: 500_000,
      rateIsEstimate: false,
      phaseMessage: "Ready.",
      ...(isFinal && { endedAt: new Date(), endReason: "idle" as const, costMicros: 500_000 }),
      ...overrides,
    })
    .returning();
  return row!;
}

/** Inserts a generation session with one step. */
export async function insertStep(db: Db, overrides: Partial<typeof steps.$inferInsert> = {}) {
  const sessionId = crypto.randomUUID();
  await db.insert(sessions).values({ id: sessionId, entryType: "scratch" });
  const [row] = await db
    .insert(steps)
    .values({
      id: crypto.randomUUID(),
      sessionId,
      position: 1,
      prompt: "a lighthouse",
      parameters: { modelKey: "k", width: 64, height: 64, steps: 4 } as Step["parameters"],
      modelKey: "k",
      modelHash: "h",
      modelName: "n",
      correlationId: sessionId,
      batchSize: 1,
      ...overrides,
    })
    .returning();
  return row!;
}

/** Records the time that a step's turn took on a pod, ending `endedMinutesAgo`. */
export async function insertWork(
  db: Db,
  work: { sessionId: string; stepId: string; turn: number; micros: number; from: Date; to: Date },
): Promise<void> {
  await db.insert(podWork).values(work);
}
