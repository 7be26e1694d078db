import { type CopyPlan, weightOf } from "./plan";

/** Enough for tens of thousands of usual plans, or some fifty of the largest possible. */
const maxBytes = 32 * 1024 * 1024;

/** Keeps the most recently used plans in memory. */
export function createPlanCache() {
  const plans = new Map<string, CopyPlan>();
  let bytes = 0;

  function remove(key: string): void {
    const plan = plans.get(key);
    if (!plan) return;
    bytes -= weightOf(plan);
    plans.delete(key);
  }

  return {
    get(key: string, of: string): CopyPlan | undefined {
      const plan = plans.get(key);
      if (plan?.of !== of) return undefined;
      plans.delete(key);
      plans.set(key, plan);
      return plan;
    },

    set(key: string, plan: CopyPlan): void {
      remove(key);
      plans.set(key, plan);
      bytes += weightOf(plan);
      for (const [oldest] of plans) {
        if (bytes <= maxBytes) return;
        remove(oldest);
      }
    },
  };
}
