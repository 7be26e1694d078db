import { inArray } from "drizzle-orm";
import { listPodSessions } from "#db/queries/pods/sessions";
import { photos } from "#db/schema/photos";
import type { PodSession } from "#db/schema/pod-sessions";
import type { Fault } from "#simulators/runpod/control";
import type { Moment } from "./faults";
import type { PodTestBed } from "./test-bed";

/** What the harness knows of a schedule while it waits to strike. */
export type Observed = {
  since: Date;
  stepIds: string[];
  /** When the first step was requested. */
  requestedAt: number | undefined;
  /** Everything has ended, the pods too. */
  isOver: boolean;
};

export type Hold = { isReached: () => Promise<boolean>; release: () => Promise<void> };

/** Prepares to wait for a moment; at some, RunPod holds a request until the release. */
export async function armMoment(
  bed: PodTestBed,
  moment: Moment,
  observed: Observed,
): Promise<Hold> {
  const { control } = bed.stack.runpod;
  const when = (isReached: () => Promise<boolean>): Hold => ({
    isReached,
    release: async () => {},
  });
  const holdBy = async (fault: Fault): Promise<Hold> => {
    const id = await control.addFault(fault);
    return {
      isReached: async () => (await control.struck(id)) > 0,
      release: async () => void (await control.release()),
    };
  };
  const hasSession = (condition: (session: PodSession) => boolean) =>
    when(async () => (await sessionsOf(bed, observed)).some(condition));
  switch (moment.at) {
    case "requested":
      return when(async () => {
        const { requestedAt } = observed;
        return requestedAt !== undefined && performance.now() >= requestedAt + moment.afterMs;
      });
    case "ordering":
      return holdBy({ kind: "request_held", route: "createPod", times: 1 });
    case "ordered":
      return holdBy({ kind: "answer_held", route: "createPod", times: 1 });
    case "booting":
      return hasSession(({ status }) => status === "booting" || status === "provisioning");
    case "ready":
      return hasSession(({ status }) => status === "ready");
    case "drawn":
      return when(async () => {
        const { stepIds } = observed;
        if (stepIds.length === 0) return false;
        const drawn = await bed.stack.database.db.$count(photos, inArray(photos.stepId, stepIds));
        return drawn >= moment.images;
      });
    case "ending":
      return hasSession(({ podId, endReason }) => podId !== null && endReason !== null);
    case "deleting":
      return holdBy({ kind: "answer_held", route: "deletePod", times: 1 });
  }
}

/** The schedule's sessions, newest first. */
export async function sessionsOf(
  { stack }: PodTestBed,
  { since }: Pick<Observed, "since">,
): Promise<PodSession[]> {
  const sessions = await listPodSessions(stack.database.db, { limit: 100 });
  return sessions.filter(({ requestedAt }) => requestedAt >= since);
}
