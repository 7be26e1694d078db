import { expect, test } from "bun:test";
import { eachOf } from "#each-of";

test("every item is worked on, no more than so many at once", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await eachOf([1, 2, 3, 4, 5], { atOnce: 2 }, async (item) => {
    most = Math.max(most, (running += 1));
    await Promise.resolve();
    running -= 1;
    done.push(item);
  });
  expect(new Set(done)).toEqual(new Set([1, 2, 3, 4, 5]));
  expect(most).toBe(2);
});

test("after the first fault no item is begun, and the fault comes once all begun work has ended", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const { promise: slow, resolve } = Promise.withResolvers<void>();
  const all = eachOf([1, 2, 3, 4], { atOnce: 2 }, async (item) => {
    begun.push(item);
    if (item === 2) {
      setImmediate(resolve);
      throw new Error("the second failed");
    }
    await slow;
    ended.push(item);
  });
  const fault = await all.catch((error: Error) => error.message);
  expect({ fault, begun, ended }).toEqual({
    fault: "the second failed",
    begun: [1, 2],
    ended: [1],
  });
});

test("items may come one by one; a fault of their source ends it once all begun work has ended", async () => {
  const ended: number[] = [];
  async function* source() {
    yield 1;
    yield 2;
    throw new Error("the source failed");
  }
  const all = eachOf(source(), { atOnce: 2 }, async (item) => {
    await Promise.resolve();
    ended.push(item);
  });
  const fault = await all.catch((error: Error) => error.message);
  expect({ fault, ended }).toEqual({ fault: "the source failed", ended: [1, 2] });
});

test("an aborted signal ends it with its reason", async () => {
  const stop = new AbortController();
  const begun: number[] = [];
  const all = eachOf([1, 2, 3], { atOnce: 1, signal: stop.signal }, async (item) => {
    begun.push(item);
    stop.abort(new Error("stopped"));
  });
  expect(await all.catch((error: Error) => error.message)).toBe("stopped");
  expect(begun).toEqual([1]);
});
