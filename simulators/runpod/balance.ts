import type { Clock } from "./clock.ts";
import type { Pods } from "./pods.ts";

const checkMs = 10_000;

export type Balance = ReturnType<typeof createBalance>;

/** The account's credit in USD, without limit until it is set; when it is used up, every pod is stopped. */
export function createBalance(clock: Clock, pods: Pods) {
  let credit: number | null = null;
  let spentBefore = 0;
  let cancel = () => {};

  const spent = (): number =>
    pods
      .all()
      .reduce((sum, { meter, createdAt }) => sum + meter.sum(createdAt, clock.now()).totalUsd, 0);
  const left = (): number | null => (credit === null ? null : credit - (spent() - spentBefore));

  function check(): void {
    if ((left() ?? 1) <= 0) {
      const running = pods
        .all()
        .filter(({ status }) => ["PROVISIONING", "STARTING", "RUNNING"].includes(status));
      for (const pod of running) pods.stop(pod);
    }
    cancel = clock.after(checkMs, check);
  }

  return {
    left,
    set(usd: number | null): void {
      credit = usd;
      spentBefore = spent();
      cancel();
      if (usd !== null) check();
    },
  };
}
