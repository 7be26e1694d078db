import { afterAll, expect, test } from "bun:test";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { simulatedKey } from "#simulators/runpod/start";
import { createUps, nothingRunsIn } from "#tests/support/up";

const { newFolder, startUp, stop } = createUps();
afterAll(stop, 60_000);

/** With these, a gallery that used the owner's settings would not even start. */
const owners = {
  RUNPOD_API_KEY: "rpa_OWNERSKEY0000000000000000000000000000000",
  RUNPOD_API_URL: "http://127.0.0.1:9",
  DATABASE_URL: "postgres://owner@127.0.0.1:9/gallery",
  TEMPORAL_ADDRESS: "127.0.0.1:9",
};

test("the tour of a rented GPU shows its life, its pictures and its bill, and leaves nothing running and no key", async () => {
  const folder = await newFolder();
  const up = startUp(["--remote-demo", "--once", "--port", "0", "--data", folder], owners);
  const code = await up.ended();
  const output = up.output();
  expect(output).not.toContain("The tour ended early");
  expect(code).toBe(0);

  const states = [...output.matchAll(/^ +[\d.]+ s {2}(\w+) /gm)].map(([, state]) => state);
  const life = ["creating", "booting", "provisioning", "ready", "idle", "terminating", "ended"];
  expect([...new Set(states)].filter((state) => state !== "draining")).toEqual(life);

  const dollars = (what: string) =>
    [...output.matchAll(new RegExp(`^ +${what} +\\$(\\d+\\.\\d{6})`, "gm"))].map(([, micros]) =>
      Math.round(Number(micros) * 1e6),
    );
  const pictures = dollars("a picture");
  const [[step = 0], [overhead = 0], [session = 0], [meter = 0]] = [
    dollars("all four"),
    dollars("overhead"),
    dollars("session"),
    dollars("RunPod's meter"),
  ];
  expect(pictures).toHaveLength(4);
  expect(pictures.every((micros) => micros > 0)).toBe(true);
  expect(pictures.reduce((sum, micros) => sum + micros, 0)).toBe(step);
  expect(step + overhead).toBe(session);
  expect(Math.abs(session - meter)).toBeLessThan(10_000);
  expect(output).toContain("RunPod lists no pod any more");

  const generated = await readdir(join(folder, "photos/generated"), { recursive: true });
  expect(generated.filter((name) => name.endsWith(".png"))).toHaveLength(4);
  await nothingRunsIn(folder);

  const keys = [simulatedKey, owners.RUNPOD_API_KEY];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = await readFile(join(entry.parentPath, entry.name), "latin1");
    for (const key of keys) if (content.includes(key)) throw new Error(`${entry.name} has a key`);
  }
}, 240_000);

test("the tour of a rented GPU is refused in the folder of another gallery", async () => {
  const folder = await newFolder();
  await mkdir(join(folder, ".stack"));
  const up = startUp(["--remote-demo", "--once", "--port", "0", "--data", folder]);
  expect(await up.ended()).toBe(1);
  expect(up.output()).toContain("holds a gallery");
}, 30_000);
