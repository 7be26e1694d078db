import { until } from "#tests/support/wait";
import type { Ground } from "./ground";
import type { createHolds, Hold } from "./moments";
import type { Visit } from "./visit";
import type { PlannedFault } from "./schedule";

/** How the harness looks upon a step while it waits to strike. */
export type StepInSight = {
  /** undefined until its request was answered. */
  id: () => string | undefined;
  requestedAt: () => number | undefined;
  /** Ended, and each of its images fetched. */
  isOver: () => Promise<boolean>;
};

/** A fault that is ready to strike; true once it has, false when its moment never came. */
export type Armed = { strike: () => Promise<boolean> };

/** A run that proves nothing, as the machine stood still at the wrong time; another one may. */
export class UnfairRun extends Error {}

const lookEveryMs = 50;
/** A step that neither comes to a moment nor to its end is stuck. */
const momentTimeoutMs = 270_000;
/** Connection time-out, read time-out and grace of the runs, without a margin: so long a batch may be under way. */
const lateAtMostMs = 5_700;

/** Readies a fault for a step that is about to be requested. */
export async function armFault(
  ground: Ground,
  { visit, hold }: { visit: Visit; hold: ReturnType<typeof createHolds> },
  fault: PlannedFault,
  step: StepInSight,
): Promise<Armed> {
  const { control } = ground.stack.invokeai;
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
        if (performance.now() - heldAt > lateAtMostMs) throw new UnfairRun("released too late");
        return true;
      });
    }
    case "worker killed":
      return atMoment(() => ground.worker.kill(fault.awayMs));
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
        await ground.postgres.begin(fault.awayMs);
        return true;
      });
    case "Temporal away":
      return atMoment(async () => {
        await ground.temporal.begin(fault.awayMs, { isLost: false });
        return true;
      });
    case "Temporal lost":
      return atMoment(async () => {
        if (fault.withWorker) await ground.worker.kill(fault.awayMs);
        await ground.temporal.begin(fault.awayMs, { isLost: true });
        return true;
      });
    case "step cancelled":
      return atMoment(async () => {
        if (fault.losesAnswer) {
          await control.addFault({ kind: "answer_lost", route: "cancelByBatchIds", times: 1 });
        }
        const id = step.id();
        return id !== undefined && (await visit.cancelStep(id));
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
            await Bun.sleep(lookEveryMs);
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

  /** One that the simulator deals out by itself. */
  function untilOver(id: number): Armed {
    return {
      async strike() {
        await until(`the end of the step of "${fault.kind}"`, step.isOver, momentTimeoutMs);
        return (await control.struck(id)) > 0;
      },
    };
  }
}
