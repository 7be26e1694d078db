import { expect, test } from "bun:test";
import type { RunningProcess } from "#dev/process";
import { supervise } from "#dev/supervise";

const pacing = { firstPauseMs: 1, longestPauseMs: 4, longLifeMs: 60_000, deaths: 4 };

/** Processes that a test ends by hand. */
function createFakes() {
  const started: { die: (code: number) => void }[] = [];
  let waiting: PromiseWithResolvers<void> | undefined;
  const start = async (): Promise<RunningProcess> => {
    const exited = Promise.withResolvers<number>();
    let isOver = false;
    const die = (code: number) => {
      isOver = true;
      exited.resolve(code);
    };
    started.push({ die });
    waiting?.resolve();
    return {
      name: "fake",
      pid: 1,
      logPath: "",
      exited: exited.promise,
      hasExited: () => isOver,
      output: () => "its last words",
      stop: async () => die(0),
    };
  };
  const reach = async (count: number) => {
    while (started.length < count) {
      waiting = Promise.withResolvers();
      await waiting.promise;
    }
  };
  return { started, start, reach };
}

test("a process that dies is started again, and given up with its last words when it dies young too often", async () => {
  const fakes = createFakes();
  const said: string[] = [];
  const givenUp = Promise.withResolvers<string>();
  await supervise({
    name: "worker",
    start: fakes.start,
    say: (line) => said.push(line),
    onGiveUp: givenUp.resolve,
    pacing,
  });
  for (let n = 1; n <= pacing.deaths; n += 1) {
    await fakes.reach(n);
    fakes.started[n - 1]?.die(1);
  }
  const reason = await givenUp.promise;
  expect(reason).toContain("worker died 4 times");
  expect(reason).toContain("its last words");
  expect(fakes.started).toHaveLength(pacing.deaths);
  // The pause doubles up to its limit.
  expect(said.map((line) => /in ([\d.]+) s/.exec(line)?.[1])).toEqual(["0.001", "0.002", "0.004"]);
});

test("deaths after a long life do not add up", async () => {
  const fakes = createFakes();
  const process = await supervise({
    name: "worker",
    start: fakes.start,
    say: () => {},
    onGiveUp: (reason) => {
      throw new Error(reason);
    },
    pacing: { ...pacing, longLifeMs: 0 },
  });
  for (let n = 1; n <= pacing.deaths * 2; n += 1) {
    await fakes.reach(n);
    fakes.started[n - 1]?.die(1);
  }
  await fakes.reach(pacing.deaths * 2 + 1);
  await process.stop(100);
});

test("a restart is no death, and after a stop nothing is started", async () => {
  const fakes = createFakes();
  const said: string[] = [];
  const process = await supervise({
    name: "api",
    start: fakes.start,
    say: (line) => said.push(line),
    onGiveUp: () => {},
    pacing,
  });
  await process.restart(100);
  await fakes.reach(2);
  await process.stop(100);
  expect(fakes.started).toHaveLength(2);
  expect(said).toEqual([]);
});
