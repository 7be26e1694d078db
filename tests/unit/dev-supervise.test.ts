import { expect, test } from "bun:test";
import type { RunningProcess } from "#stack/process";
import { supervise } from "#stack/supervise";

const pacing = { firstPauseMs: 1, longestPauseMs: 4, longLifeMs: 60_000, deaths: 4 };

/** Processes that a test ends explicitly. */
function createFakes(words = "its last words") {
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
      output: () => words,
      silentMs: () => 0,
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

test("a process that dies is restarted, and given up with the end of its output after too many quick deaths", async () => {
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

test("deaths after a long run do not add up", async () => {
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

test("a restart does not count as a death, and nothing starts after a stop", async () => {
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

test("a process that dies on a full disk is not given up, and is restarted once there is free space", async () => {
  const fakes = createFakes();
  let isFull = true;
  const said: string[] = [];
  const process = await supervise({
    name: "postgres",
    start: fakes.start,
    say: (line) => said.push(line),
    onGiveUp: (reason) => {
      throw new Error(reason);
    },
    isDiskFull: async () => isFull,
    pacing: { ...pacing, roomCheckMs: 1 },
  });
  for (let n = 1; n <= pacing.deaths * 3; n += 1) {
    await fakes.reach(n);
    fakes.started[n - 1]?.die(1);
  }
  await fakes.reach(pacing.deaths * 3 + 1);
  expect(new Set(said).size).toBe(1);
  expect(said[0]).toContain("the disk is full");
  isFull = false;
  await process.stop(100);
});

test("a process whose output reports a full disk, as with a quota, is not given up either", async () => {
  const fakes = createFakes('FATAL: could not write "a": No space left on device');
  const process = await supervise({
    name: "temporal",
    start: fakes.start,
    say: () => {},
    onGiveUp: (reason) => {
      throw new Error(reason);
    },
    pacing: { ...pacing, roomCheckMs: 1 },
  });
  for (let n = 1; n <= pacing.deaths * 2; n += 1) {
    await fakes.reach(n);
    fakes.started[n - 1]?.die(1);
  }
  await fakes.reach(pacing.deaths * 2 + 1);
  await process.stop(100);
});

test("a process that fails several checks in a row is stopped and restarted", async () => {
  const fakes = createFakes();
  const said: string[] = [];
  const answers = [true, false, true, false, false, false];
  const process = await supervise({
    name: "api",
    start: fakes.start,
    say: (line) => said.push(line),
    onGiveUp: () => {},
    liveness: { isAlive: async () => answers.shift() ?? true, graceMs: 10 },
    pacing: { ...pacing, livenessCheckMs: 1, missedChecks: 3, startMs: 60_000 },
  });
  await fakes.reach(2);
  expect(answers).toEqual([]);
  expect(said[0]).toContain("no longer responds");
  await process.stop(100);
});

test("a starting process has more time for its first successful check", async () => {
  const fakes = createFakes();
  let asked = 0;
  const process = await supervise({
    name: "api",
    start: fakes.start,
    say: () => {},
    onGiveUp: () => {},
    liveness: { isAlive: async () => (asked += 1) > 20, graceMs: 10 },
    pacing: { ...pacing, livenessCheckMs: 1, missedChecks: 2, startMs: 60_000 },
  });
  while (asked < 25) await Bun.sleep(1);
  expect(fakes.started).toHaveLength(1);
  await process.stop(100);
});
