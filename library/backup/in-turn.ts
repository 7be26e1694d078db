/** Flushing a file waits for the disk; meanwhile others are copied. */
const atOnce = 4;

/** Runs work for several items at once and gives the results in their order. */
export async function* inTurn<Item, Result>(
  items: AsyncIterable<Item>,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const started = work(item);
      // Marked as handled: it is awaited in order.
      started.catch(() => {});
      running.push(started);
      if (running.length === atOnce) yield await running.shift()!;
    }
    while (running.length > 0) yield await running.shift()!;
  } finally {
    await Promise.allSettled(running);
  }
}
