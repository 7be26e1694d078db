import type { Http } from "../../http";
import { Bills, parseAnswer, toMicros } from "./wire";

const hourMs = 3_600_000;

/** Calls about what was billed. */
export function createBillingCalls(http: Http) {
  return {
    async findBill(
      { podId, from, to }: { podId: string; from: Date; to: Date },
      signal?: AbortSignal,
    ): Promise<{ micros: number } | null> {
      // Whole hours: a window that ends within a bucket may lose that bucket.
      const startTime = new Date(Math.floor(from.getTime() / hourMs) * hourMs).toISOString();
      const endTime = new Date(Math.ceil(to.getTime() / hourMs) * hourMs).toISOString();
      const query = { podId, bucketSize: "hour", startTime, endTime };
      const answer = await http.readJson({ path: "/v2/billing/pods", query }, signal);
      // RunPod ignores query parameters that it does not know.
      const records = parseAnswer(Bills, answer).records.filter((bill) => bill.podId === podId);
      if (records.length === 0) return null;
      return { micros: toMicros(records.reduce((sum, bill) => sum + bill.totalAmount, 0)) };
    },
  };
}
