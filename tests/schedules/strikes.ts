import { until } from "#tests/support/wait";
import type { TestBed } from "./test-bed";
import type { createHolds, Hold } from "./moments";
import type { UserSession } from "./user-session";
import type { PlannedFault } from "./schedule";

/** The harness's view of a step while it waits to strike. */
export type ObservedStep = {
  /** undefined until the request is answered. */
  id: () => string | undefined;
  requestedAt: () => number | undefined;
  /** Whether the step has ended and all its images are retrieved. */
  isOver: () => Promise<boolean>;
};

/** A fault that is ready to strike; returns false when its moment was not reached. */
export type Armed = { strike: () => Promise<boolean> };

/** The run is inconclusive, because the machine stalled at the wrong time; another run may succeed. */
export class InconclusiveRun extends Error {}

const pollEveryMs = 50;
/** A step that reaches neither the moment nor its end is stuck. */
const momentTimeoutMs = 270_000;
/**
 * Connection timeout, read timeout and grace period without a margin: the longest time that a batch may be in transit.
 */
const lateAtMostMs = 5_700;

/** Prepares a fault for a step that is about to be requested. */
export async function armFault(
  testBed: TestBed,
  { user, hold }: { user: UserSession; hold: ReturnType<typeof createHolds> },
  fault: PlannedFault,
  step: ObservedStep,
): Promise<Armed> {
  const { control } = testBed.stack.invokeai;
  switch (fault.kind) {
    case "answer lost":
      return untilOver(
        await control.addFault({ kind: "answer_lost", route: fault.route, times: 1 }),
      );
    case "download cut": {
      const { how, skip, times } = fault;
      return untilOver(await control.addFault({ kind: how, route: "imageFull", skip, times }));
    }
    case "enqueue late": {
      const id = await control.addFault({
        kind: "request_held",
        route: "enqueueBatch",
        outlivesClient: true,
        times: 1,
      });
      const late: Hold = {
        isReached: async () => (await control.struck(id)) > 0,
        release: async () => void (await control.release()),
      };
      return at(late, async () => {
        const heldAt = performance.now();
        await Bun.sleep(fault.afterMs);
        if (performance.now() - heldAt > lateAtMostMs)
          throw new InconclusiveRun("released too late");
        return true;
      });
    }
    case "worker killed":
      return atMoment(() => testBed.worker.kill(fault.awayMs));
    case "InvokeAI restarted":
      return atMoment(async () => {
        await control.restart();
        if (fault.refuses > 0) {
          await control.addFault({ kind: "unreachable", route: "any", times: fault.refuses });
        }
        return true;
      });
    case "Postgres away":
      return atMoment(async () => {
        await testBed.postgres.begin(fault.awayMs);
        return true;
      });
    case "Temporal away":
      return atMoment(async () => {
        await testBed.temporal.begin(fault.awayMs, { isLost: false });
        return true;
      });
    case "Temporal lost":
      return atMoment(async () => {
        if (fault.withWorker) await testBed.worker.kill(fault.awayMs);
        await testBed.temporal.begin(fault.awayMs, { isLost: true });
        return true;
      });
    case "step cancelled":
      return atMoment(async () => {
        if (fault.losesAnswer) {
          await control.addFault({ kind: "answer_lost", route: "cancelByBatchIds", times: 1 });
        }
        const id = step.id();
        return id !== undefined && (await user.cancelStep(id));
      });
  }

  async function atMoment(strike: () => Promise<boolean>): Promise<Armed> {
    if (!("moment" in fault)) throw new Error(`${fault.kind} has no moment`);
    return at(await hold(fault.moment, step.requestedAt), strike);
  }

  function at(hold: Hold, strike: () => Promise<boolean>): Armed {
    return {
      async strike() {
        try {
          const cameBy = async () => {
            if (await hold.isReached()) return "reached";
            if (await step.isOver()) return "over";
            await Bun.sleep(pollEveryMs);
            return undefined;
          };
          const met = await until(`the moment of "${fault.kind}"`, cameBy, momentTimeoutMs);
          return met === "reached" && (await strike());
        } finally {
          await hold.release();
        }
      },
    };
  }

  /** A fault that the simulator triggers by itself. */
  function untilOver(id: number): Armed {
    return {
      async strike() {
        await until(`the end of the step of "${fault.kind}"`, step.isOver, momentTimeoutMs);
        return (await control.struck(id)) > 0;
      },
    };
  }
}
