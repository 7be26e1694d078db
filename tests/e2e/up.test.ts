import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createUps, nothingRunsIn } from "#tests/support/up";

const { newFolder, preparedFolder, startUp, stop } = createUps();

let main = "";
beforeAll(async () => {
  main = await newFolder();
});
afterAll(stop, 60_000);

test("the tour works on an empty folder, prints its links, and leaves nothing running", async () => {
  const up = startUp(["--demo", "--once", "--port", "0", "--data", main]);
  const code = await up.ended();
  expect(up.output()).not.toContain("The tour ended early");
  expect(code).toBe(0);
  expect(up.output()).toMatch(/http:\/\/127\.0\.0\.1:\d+\/s\/[\w-]{43}/);
  expect(up.output()).toMatch(
    /http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/namespaces\/gallery-\S+\/workflows\/\S+/,
  );
  expect(up.output()).toContain("SIMULATED");
  const generated = await readdir(join(main, "photos/generated"), { recursive: true });
  expect(generated.filter((name) => name.endsWith(".png"))).toHaveLength(8);
  await nothingRunsIn(main);
  for (const name of ["worker.log", "api.log"]) {
    const log = await readFile(join(main, ".stack", name), "utf8");
    const lines = log.split("\n").filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(0);
    // Each line is one log entry, also output of libraries.
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty("msg");
  }
}, 180_000);

test("a killed up leaves nothing running and the next one takes over; a folder or port in use is refused with a message", async () => {
  const first = startUp(["--port", "0", "--data", main]);
  await first.isUp();
  const port = /API +http:\/\/127\.0\.0\.1:(\d+)\//.exec(first.output())?.[1] ?? "";

  const sameFolder = startUp(["--port", "0", "--data", main]);
  expect(await sameFolder.ended()).toBe(1);
  expect(sameFolder.output()).toContain(`in use by another ./gallery up (pid ${first.child.pid})`);

  const other = await preparedFolder();
  const samePort = startUp(["--port", port, "--data", other]);
  expect(await samePort.ended()).toBe(1);
  expect(samePort.output()).toContain(`Port ${port} is taken`);

  first.child.kill("SIGKILL");
  await first.child.exited;
  const second = startUp(["--port", port, "--data", main]);
  await second.isUp();
  // Two installations run side by side.
  const beside = startUp(["--port", "0", "--data", other]);
  await beside.isUp();
  beside.child.kill("SIGINT");
  beside.child.kill("SIGINT");
  await beside.ended();
  await nothingRunsIn(other);

  const stoppedAt = performance.now();
  second.child.kill("SIGTERM");
  expect(await second.ended()).toBe(0);
  expect(performance.now() - stoppedAt).toBeLessThan(30_000);
  await nothingRunsIn(main);
}, 240_000);
