import { afterAll, expect, test } from "bun:test";
import { createRunpodProvider } from "#activities/adapters/pods/runpod/client";
import { findOffers } from "#db/queries/pods/offers";
import { simulatedKey } from "#simulators/runpod/start";
import { createActivityBench, timeouts } from "#tests/support/activities";
import { startRunpod } from "#tests/support/runpod";

const runpod = await startRunpod();
const provider = createRunpodProvider({
  apiUrl: runpod.url,
  proxyUrl: runpod.proxyUrl,
  apiKey: simulatedKey,
  ...timeouts,
});
const bench = await createActivityBench({}, undefined, { provider });
afterAll(() => Promise.all([bench.close(), runpod.stop()]));

test("the catalogue is stored as a whole; after a failure the last one stays, with the reason", async () => {
  expect((await bench.run("readOffers", {})).offers).toBeGreaterThan(10);
  const known = await findOffers(bench.db);
  expect(known.lastError).toBeNull();
  expect(known.offers.find(({ gpuType }) => gpuType === "NVIDIA RTX A5000")).toMatchObject({
    memoryGb: 24,
    hourlyMicros: 290_000,
  });
  await runpod.control.addFault({ kind: "key_refused" });
  expect(await bench.run("readOffers", {})).toEqual({ offers: null });
  const after = await findOffers(bench.db);
  expect(after.lastError).not.toBeNull();
  expect(after).toEqual({ ...known, lastError: after.lastError });
  expect(JSON.stringify(after)).not.toContain(simulatedKey);
  expect(await runpod.control.livingPods()).toEqual([]);
});
