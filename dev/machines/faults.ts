import type { Machine } from "./machine";

export type Fault = "killed" | "cut off" | "slowed";

export type FaultTimes = {
  cutMs: number;
  slowMs: number;
  /** Between two faults. */
  restMs: number;
};

const deadMs = 3_000;
/** A thousandth of a local network. */
const slowKbits = 1_000;

export function durationOf(fault: Fault, { cutMs, slowMs, restMs }: FaultTimes): number {
  return restMs + { killed: deadMs, "cut off": cutMs, slowed: slowMs }[fault];
}

/** Strikes a machine and repairs it. */
export async function strike(machine: Machine, fault: Fault, times: FaultTimes): Promise<void> {
  if (fault === "killed") {
    await machine.kill();
    await Bun.sleep(deadMs);
    machine.start();
  } else {
    if (fault === "cut off") machine.cut();
    else machine.slow(slowKbits);
    await Bun.sleep(fault === "cut off" ? times.cutMs : times.slowMs);
    machine.heal();
  }
  await Bun.sleep(times.restMs);
  // What a supervisor does.
  if (!machine.isRunning()) machine.start();
}
