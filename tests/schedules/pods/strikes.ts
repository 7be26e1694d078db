import { findLivePodSession } from "#db/queries/pods/sessions";
import type { Fault, PodEvent } from "#simulators/runpod/control";
import { simulatedKey } from "#simulators/runpod/start";
import { until } from "#tests/support/wait";
import type { Armed } from "../strikes";
import type { PlannedFault } from "./faults";
import { armMoment, type Observed } from "./moments";
import { gpuTypes, otherGpuType, type PodTestBed } from "./test-bed";

const pollEveryMs = 100;
/** A schedule that reaches neither the moment nor its end is stuck. */
const momentTimeoutMs = 300_000;
/** For how long nothing can be rented. */
const soldOutMs = 4_000;

/** Pods that the harness made, not the gallery. */
export type AddedPods = { strangers: string[]; forgotten: string[] };

/** Prepares a fault for steps that are about to be requested. */
export async function armPodFault(
  bed: PodTestBed,
  fault: PlannedFault,
  { observed, added }: { observed: Observed; added: AddedPods },
): Promise<Armed> {
  const { runpod } = bed;
  switch (fault.kind) {
    case "worker killed":
      return atMoment(() => bed.worker.kill(fault.awayMs));
    case "Temporal away":
      return atMoment(async () => {
        await bed.temporal.begin(fault.awayMs, { isLost: false });
        return true;
      });
    case "Temporal lost":
      return atMoment(async () => {
        if (fault.withWorker) await bed.worker.kill(fault.awayMs);
        await bed.temporal.begin(fault.awayMs, { isLost: true });
        return true;
      });
    case "Postgres away":
      return atMoment(async () => {
        await bed.postgres.begin(fault.awayMs);
        return true;
      });
    case "create fails":
      return untilOver(createFault(fault));
    case "pod made in spite": {
      const { listedAfterMs, strangers } = fault;
      const id = await runpod.addFault({
        kind: "create_fails_with_pod",
        listedAfterMs,
        times: 1,
      });
      return whenReached(
        async () => (await runpod.struck(id)) > 0,
        async () => {
          await addStrangers(strangers);
          return true;
        },
      );
    }
    case "answer lost":
      return untilOver({ kind: "answer_lost", route: fault.route, skip: fault.skip, times: 1 });
    case "list lags":
      await runpod.addFault({ kind: "list_lags", lagMs: fault.lagMs });
      return whenOver(async () => true);
    case "list page fails": {
      const { status, skip } = fault;
      return untilOver({ kind: "status", route: "listPods", status, skip, times: 1 });
    }
    case "strangers come":
      return atMoment(async () => {
        await addStrangers(fault.amount);
        return true;
      });
    case "pod evicted":
      return atMoment(() => strikePod("vanish"));
    case "pod stopped":
      return atMoment(() => strikePod("exit"));
    case "pod broken":
      return atMoment(() => strikePod("fail"));
    case "container crashed":
      return atMoment(() => strikePod("crash"));
    case "pod denied":
      return atMoment(() =>
        add({ kind: "status", status: 404, route: "getPod", times: fault.times }),
      );
    case "never boots":
      return untilOver({ kind: fault.how, gpu: gpuTypes[0], times: 1 });
    case "sold out":
      return untilOver(soldOutFault(fault.what));
    case "delete slow":
      await runpod.setTimeline({ terminatingMs: fault.tookMs });
      return whenOver(async () => true);
    case "delete refused":
      return untilOver({ kind: "delete_refused", times: fault.times });
    case "delete ignored":
      return untilOver({ kind: "delete_ignored", times: fault.times });
    case "key refused":
      return atMoment(() => add({ kind: "key_refused", key: simulatedKey, forMs: fault.forMs }));
    case "network cut":
      return atMoment(() => add({ kind: "network_cut", of: fault.of, forMs: fault.forMs }));
    case "proxy page":
      return atMoment(() => add(proxyFault(fault)));
    case "rate limited": {
      const { times } = fault;
      return atMoment(() =>
        add({ kind: "rate_limited", retryAfterSeconds: 1, route: "any", times }),
      );
    }
    case "pod forgotten":
      return atMoment(async () => {
        const name = `${bed.prefix}${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
        added.forgotten.push(await runpod.addPod({ name, gpu: otherGpuType }));
        return true;
      });
  }

  async function addStrangers(amount: number): Promise<void> {
    for (let each = 0; each < amount; each++) {
      added.strangers.push(await runpod.addPod({ name: "somebody-else", gpu: otherGpuType }));
    }
  }

  async function add(wanted: Fault): Promise<boolean> {
    await runpod.addFault(wanted);
    return true;
  }

  async function strikePod(event: PodEvent): Promise<boolean> {
    const session = await findLivePodSession(bed.stack.database.db);
    if (!session?.podId) return false;
    // It may have ended meanwhile.
    return runpod.strikePod(session.podId, event).then(
      () => true,
      () => false,
    );
  }

  async function atMoment(strike: () => Promise<boolean>): Promise<Armed> {
    if (!("moment" in fault)) throw new Error(`${fault.kind} has no moment`);
    const hold = await armMoment(bed, fault.moment, observed);
    const armed = whenReached(hold.isReached, strike);
    return { strike: () => armed.strike().finally(hold.release) };
  }

  function whenReached(isReached: () => Promise<boolean>, strike: () => Promise<boolean>): Armed {
    const check = async () => {
      if (await isReached()) return "reached";
      return observed.isOver && "over";
    };
    return {
      async strike() {
        const what = `the moment of "${fault.kind}"`;
        const met = await until(what, check, momentTimeoutMs, undefined, pollEveryMs);
        return met === "reached" && (await strike());
      },
    };
  }

  /** A fault that the simulator triggers by itself. */
  async function untilOver(wanted: Fault): Promise<Armed> {
    const id = await runpod.addFault(wanted);
    return whenOver(async () => (await runpod.struck(id)) > 0);
  }

  function whenOver(strike: () => Promise<boolean>): Armed {
    return whenReached(async () => observed.isOver, strike);
  }
}

function createFault({ how, times }: PlannedFault & { kind: "create fails" }): Fault {
  const route = "createPod";
  if (how === "unreachable") return { kind: "unreachable", route, times };
  if (how === "HTML") return { kind: "html", route, status: 502, times };
  return { kind: "status", route, status: Number(how), times };
}

function soldOutFault(what: "first type" | "every type" | "pool"): Fault {
  const [gpu] = gpuTypes;
  if (what === "pool") return { kind: "pool_closed", gpu };
  if (what === "every type") return { kind: "no_capacity", forMs: soldOutMs };
  // The catalogue may be wrong.
  return { kind: "no_capacity", gpu, shown: "HIGH" };
}

function proxyFault({ body, forMs }: PlannedFault & { kind: "proxy page" }): Fault {
  if (body === "502") return { kind: "proxy_status", status: 502, forMs };
  return { kind: "proxy_starting", body, forMs };
}
