/**
 * Works on each item, `atOnce` at a time. After the first fault, also one of `items`, or once `signal` is aborted, no further
 * item is begun.
 * @throws that fault or the signal's reason, once all work that was begun has ended
 */
export async function eachOf<Item>(
  items: readonly Item[] | AsyncGenerator<Item>,
  { atOnce, signal }: { atOnce: number; signal?: AbortSignal },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = Array.isArray(items) ? items.values() : items;
  const stop = new AbortController();
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const lane = async () => {
    try {
      // All lanes share one iterator; each takes the next item.
      for await (const item of queue) {
        stopped.throwIfAborted();
        await work(item);
      }
    } catch (fault) {
      stop.abort(fault);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  stopped.throwIfAborted();
}
