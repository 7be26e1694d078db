import { describe, expect, test } from "bun:test";
import { providerErrorOf } from "#tests/support/failures";
import { until } from "#tests/support/wait";
import { newName, rent, useBed } from "./bed.ts";
import { providers, waitingPod } from "./providers.ts";

describe.each(providers)("$name: create", (tested) => {
  const bed = useBed(tested);
  const podsNamed = async (name: string) =>
    (await bed().bookkeeping()).filter((pod) => pod.name === name);

  test("a made pod has the ordered name and type, and a price", async () => {
    const name = newName();
    expect(await rent(bed(), name)).toMatchObject({
      name,
      status: "starting",
      hasContainer: false,
      gpuType: bed().gpuTypes[0],
      hourlyMicros: expect.any(Number),
    });
    expect(await podsNamed(name)).toHaveLength(1);
  });

  test("a sold out type is refused with the provider's words, and another one is accepted", async () => {
    const [soldOut, other] = bed().gpuTypes;
    await bed().cause({ is: "sold out", gpuType: soldOut });
    const name = newName();
    const refused = await bed().provider.create(waitingPod(bed(), name));
    expect(refused).toMatchObject({ outcome: "refused", because: "candidate" });
    expect("detail" in refused ? refused.detail : "").toMatch(/\w+ \w+/);
    expect(await podsNamed(name)).toEqual([]);
    const order = waitingPod(bed(), name, { gpuType: other });
    expect(await bed().provider.create(order)).toMatchObject({ outcome: "made" });
  });

  test("a type that does not exist is refused as a candidate", async () => {
    const order = waitingPod(bed(), newName(), { gpuType: "NVIDIA A5000" });
    expect(await bed().provider.create(order)).toMatchObject({
      outcome: "refused",
      because: "candidate",
    });
  });

  test("without credit nothing is made", async () => {
    await bed().setCredit(0);
    const name = newName();
    expect(await bed().provider.create(waitingPod(bed(), name))).toMatchObject({
      outcome: "refused",
      because: "balance",
    });
    expect(await podsNamed(name)).toEqual([]);
  });

  test("a wrong key is refused by a check that costs nothing, and by create", async () => {
    expect(await bed().provider.checkKey()).toBeUndefined();
    const wrong = bed().providerWith("wrong");
    expect(await providerErrorOf(wrong.checkKey())).toMatchObject({
      fault: "rejected",
      retryable: false,
    });
    expect(await wrong.create(waitingPod(bed(), newName()))).toMatchObject({
      outcome: "refused",
      because: "key",
    });
  });

  test("a key that may only read makes nothing", async () => {
    const name = newName();
    const order = waitingPod(bed(), name);
    const outcome = await bed().providerWith("read-only").create(order);
    expect(outcome).toMatchObject({ outcome: "refused" });
    expect(await podsNamed(name)).toEqual([]);
  });

  test("too many requests are refused with the time to wait", async () => {
    await bed().cause({ is: "too many requests", of: "create", retryAfterSeconds: 7 });
    expect(await bed().provider.create(waitingPod(bed(), newName()))).toMatchObject({
      outcome: "refused",
      because: "rate",
      retryAfterMs: 7_000,
    });
  });

  test("a create that fails with the pod made is unknown, and the pod is found by its name later", async () => {
    await bed().cause({ is: "create fails with the pod made", listedAfterMs: 60_000 });
    const name = newName();
    expect(await bed().provider.create(waitingPod(bed(), name))).toMatchObject({
      outcome: "unknown",
    });
    const find = async () => (await bed().provider.list()).filter((pod) => pod.name === name);
    expect(await find()).toEqual([]);
    await bed().advance(60_000);
    expect(await find()).toMatchObject([{ name }]);
    expect(await podsNamed(name)).toHaveLength(1);
  });

  test("a lost answer is unknown, and the order is sent once", async () => {
    await bed().cause({ is: "answer lost", of: "create" });
    const name = newName();
    expect(await bed().provider.create(waitingPod(bed(), name))).toMatchObject({
      outcome: "unknown",
    });
    expect(await until("the pod", () => podsNamed(name))).toHaveLength(1);
  });

  test("an unreachable provider and a page of a gateway are unknown", async () => {
    const troubles = [
      { is: "unreachable", of: "create" },
      { is: "gateway page", of: "create", status: 502 },
      { is: "gateway page", of: "create", status: 403 },
    ] as const;
    for (const trouble of troubles) {
      await bed().heal();
      await bed().cause(trouble);
      const outcome = await bed().provider.create(waitingPod(bed(), newName()));
      expect([trouble, outcome]).toMatchObject([trouble, { outcome: "unknown" }]);
    }
  });
});
