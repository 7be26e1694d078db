import { describe, expect, test } from "bun:test";
import { sendBeat } from "#activities/pods/guard/beat";
import {
  beatPort,
  buildPodOrder,
  type GuardSettings,
  invokeAiPort,
} from "#activities/pods/guard/order";
import { until } from "#tests/support/wait";
import { newName, useBed } from "./bed.ts";
import { providers, type TestBed, waitingPod } from "./providers.ts";

const token = "a-token-of-beats";

/** Rents a pod that runs the guard, and InvokeAI as its child. */
async function rentGuarded(bed: TestBed, settings: Partial<GuardSettings> = {}) {
  const guarded = buildPodOrder(
    waitingPod(bed, newName()),
    {
      beatToken: token,
      admin: { email: "gallery@example.org", password: "a password of the gallery" },
      silenceSeconds: 60,
      endAt: new Date(Date.now() + 3_600_000),
      pollSeconds: 0.05,
      retrySeconds: 0.2,
      ...settings,
    },
    bed.provider,
  );
  const created = await bed.provider.create(guarded);
  if (created.outcome !== "made") throw new Error(`not made: ${created.detail}`);
  const { id } = created.pod;
  const { name: provider, addressOf } = bed.provider;
  return {
    id,
    url: addressOf(id, invokeAiPort),
    beat: () => sendBeat({ provider, address: addressOf(id, beatPort), token, withinMs: 5_000 }),
    hasEnded: async () => !(await bed.provider.list()).some((pod) => pod.id === id),
  };
}

describe.each(providers)("$name: guard", (tested) => {
  const bed = useBed(tested);

  test("beats reach the guard, and InvokeAI answers once its administrator is made", async () => {
    const pod = await rentGuarded(bed());
    await until("the administrator", async () => {
      const answer = await pod.beat().catch(() => undefined);
      return answer?.admin === "made";
    });
    await until("InvokeAI", async () => {
      const answer = await fetch(`${pod.url}/api/v1/app/version`);
      return answer.ok && (await answer.text()).includes("version");
    });
    expect((await fetch(`${pod.url}/api/v2/models/`)).status).toBe(401);
    await bed().provider.terminate(pod.id);
  });

  test("a pod that nobody ends ends itself when beats stay away", async () => {
    const pod = await rentGuarded(bed(), { silenceSeconds: 1 });
    await until("its end", pod.hasEnded);
    const [known] = (await bed().bookkeeping()).filter(({ id }) => id === pod.id);
    expect(known?.isAlive).toBe(false);
  });

  test("a pod ends itself at its absolute end in spite of beats", async () => {
    const pod = await rentGuarded(bed(), { endAt: new Date(Date.now() + 1_500) });
    await until("its end", async () => {
      await pod.beat().catch(() => undefined);
      return pod.hasEnded();
    });
  });

  test("a pod whose end is refused for a while ends itself later", async () => {
    await bed().cause({ is: "end refused" });
    const pod = await rentGuarded(bed(), { silenceSeconds: 0.2 });
    await until("refusals", async () => (await bed().refusedEnds()) > 3);
    expect(await pod.hasEnded()).toBe(false);
    await bed().heal();
    await until("its end", pod.hasEnded);
  });

  test("a pod whose key lost most of its rights still ends itself", async () => {
    await bed().cause({ is: "few rights in the pod" });
    const pod = await rentGuarded(bed(), { silenceSeconds: 0.2 });
    await until("its end", pod.hasEnded);
  });
});
