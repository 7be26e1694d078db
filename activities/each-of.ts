import { noteProgress } from "./heartbeat";

/**
 * Works on each item, `atOnce` at a time, with a sign of progress before each.
 * @throws the reason of `signal`, or a fault of `work`, once all work that was begun has ended
 */
export async function eachOf<Item>(
  items: readonly Item[],
  { atOnce, signal }: { atOnce: number; signal: AbortSignal },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    // All lanes share one iterator; each takes the next item.
    for (const item of queue) {
      signal.throwIfAborted();
      noteProgress();
      await work(item);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
