import { describe, expect, test } from "bun:test";
import { until } from "#tests/support/wait";
import { newName, rent, useBed } from "./bed.ts";
import { providers, waitingPod } from "./providers.ts";

const hourMs = 3_600_000;

describe.each(providers)("$name: money and places", (tested) => {
  const bed = useBed(tested);

  test("offers have a price and a stock, and a sold out type has none", async () => {
    const [first, second] = bed().gpuTypes;
    await bed().cause({ is: "sold out", gpuType: second });
    const offers = await bed().provider.listOffers();
    const offer = (gpuType: string) => offers.find((each) => each.gpuType === gpuType);
    expect(offer(first)).toMatchObject({
      hourlyMicros: expect.any(Number),
      memoryGb: expect.any(Number),
      stock: expect.stringMatching(/low|medium|high/),
    });
    expect(offer(first)?.dataCenters.map(({ id }) => id)).toContain(bed().dataCenters[0]);
    expect(offer(second)).toMatchObject({ stock: "none", dataCenters: [] });
  });

  test("a pod costs what its type was offered for", async () => {
    const offers = await bed().provider.listOffers();
    const { id } = await rent(bed());
    const pod = await until("it runs", async () => {
      const seen = await bed().provider.get(id);
      return seen?.status === "running" && seen;
    });
    const offer = offers.find(({ gpuType }) => gpuType === pod.gpuType);
    expect(pod.hourlyMicros).toBe(offer?.hourlyMicros ?? 0);
  });

  test("a rate that is not shown is unknown, not free", async () => {
    const { id } = await rent(bed());
    await until("it runs", async () => (await bed().provider.get(id))?.status === "running");
    await bed().cause({ is: "no rate shown" });
    expect(await bed().provider.get(id)).toMatchObject({ hourlyMicros: null });
  });

  test("a bill is unknown at first, and later what the pod cost, without those of others", async () => {
    const { provider } = bed();
    const from = new Date();
    const { id } = await rent(bed());
    await rent(bed());
    await bed().advance(2 * hourMs);
    await provider.terminate(id);
    await until("its end", async () => (await provider.get(id)) === null);
    const query = { podId: id, from, to: new Date(from.getTime() + 3 * hourMs) };
    const fresh = { ...query, podId: (await rent(bed())).id };
    expect(await provider.findBill(fresh)).toBeNull();
    await bed().advance(3 * hourMs);
    const bill = await provider.findBill(query);
    const [pod] = (await bed().bookkeeping()).filter((each) => each.id === id);
    expect(pod?.micros).toBeGreaterThan(0);
    expect(Math.abs((bill?.micros ?? 0) - (pod?.micros ?? 0))).toBeLessThanOrEqual(10);
  });

  test("a volume is listed once made, and takes only pods of its data centre", async () => {
    const [home, elsewhere] = bed().dataCenters;
    const { provider } = bed();
    const wanted = { name: "gallery models", sizeGb: 50, dataCenter: home };
    const volume = await provider.createVolume(wanted);
    expect(volume).toMatchObject(wanted);
    expect(await provider.listVolumes()).toContainEqual(volume);
    const order = (dataCenter: string) =>
      waitingPod(bed(), newName(), { volumeId: volume.id, dataCenter });
    expect(await provider.create(order(home))).toMatchObject({ outcome: "made" });
    expect(await provider.create(order(elsewhere))).toMatchObject({ outcome: "refused" });
  });
});
