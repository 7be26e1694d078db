import { createRunpodProvider } from "#activities/adapters/pods/runpod/client";
import { buildPodOrder } from "#activities/pods/guard/order";
import { simulatedKey, startRunpodSimulator } from "#simulators/runpod/start";
import type { MarkedExchange } from "./exchanges";

const pod = {
  image: "ghcr.io/invoke-ai/invokeai:v6.14.2-cuda",
  gpuType: "NVIDIA RTX A5000",
  dataCenter: "US-TX-3",
  diskGb: 40,
};

/** Calls everything that our adapter can, and lets the guard of a pod end it. */
export async function exchangeByAdapter(): Promise<MarkedExchange[]> {
  const exchanges: MarkedExchange[] = [];
  const simulator = await startRunpodSimulator({
    timeline: { provisioningMs: 5, startingMs: 5, runtimeMs: 0, terminatingMs: 5 },
    onExchange: (exchange) => exchanges.push({ ...exchange, isWrong: false }),
  });
  const provider = createRunpodProvider({
    apiUrl: simulator.url,
    proxyUrl: simulator.proxyUrl,
    apiKey: simulatedKey,
    connectionTimeoutMs: 10_000,
    readTimeoutMs: 10_000,
  });
  const make = async (name: string, volumeId: string | null) => {
    const settings = {
      beatToken: "token",
      admin: { email: "gallery@example.org", password: "a password" },
      silenceSeconds: 1,
      endAt: new Date(Date.now() + 3_600_000),
      pollSeconds: 0.1,
    };
    const created = await provider.create(
      buildPodOrder({ ...pod, name, volumeId }, settings, provider),
    );
    if (created.outcome !== "made") throw new Error(`not made: ${created.detail}`);
    return created.pod.id;
  };
  try {
    await provider.checkKey();
    await provider.listOffers();
    const order = { name: "models", sizeGb: 50, dataCenter: pod.dataCenter };
    const volume = await provider.createVolume(order);
    await provider.listVolumes();
    const guarded = await make("gallery-spec-1", volume.id);
    const ended = await make("gallery-spec-2", null);
    await provider.get(ended);
    await provider.lastLogLine(ended);
    await simulator.control.addFault({ kind: "short_pages", size: 1 });
    await provider.list();
    await provider.terminate(ended);
    const to = new Date(Date.now() + 60_000);
    await provider.findBill({ podId: ended, from: new Date(Date.now() - 60_000), to });
    await simulator.control.until(({ pods }) =>
      pods.every(({ id, endedAt }) => id !== guarded || endedAt !== null),
    );
  } finally {
    await simulator.stop();
  }
  return exchanges;
}
