/**
 * Works on each item, `atOnce` at a time. After the first fault, or once `signal` is aborted, no further item is begun.
 * @throws that fault or the signal's reason, once all work that was begun has ended
 */
export async function eachOf<Item>(
  items: readonly Item[],
  { atOnce, signal }: { atOnce: number; signal?: AbortSignal },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const stop = new AbortController();
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const lane = async () => {
    // All lanes share one iterator; each takes the next item.
    for (const item of queue) {
      stopped.throwIfAborted();
      await work(item).catch((fault: unknown) => {
        stop.abort(fault);
        throw fault;
      });
    }
  };
  await Promise.allSettled(Array.from({ length: atOnce }, lane));
  stopped.throwIfAborted();
}
