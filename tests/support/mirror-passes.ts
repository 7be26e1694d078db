import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { withHeartbeat } from "#activities/heartbeat";
import type { MirrorPass } from "#activities/mirror/compare";
import type { ActivityBench } from "./activities";

/** Nothing happens while many pictures are taken. */
export const undisturbed = { isHinted: () => false, look: async () => true };

/** Runs a pass with a client that reports no progress of its own, so that only pictures count. */
export async function runPass(
  bench: ActivityBench,
  work: (pass: MirrorPass) => Promise<unknown>,
  silenceMs = 60_000,
): Promise<unknown> {
  const client = createInvokeAiClient({
    baseUrl: bench.simulator.url,
    connectionTimeoutMs: 60_000,
    readTimeoutMs: 60_000,
  });
  const deps = { ...bench.deps, invokeai: async () => client };
  const pass = { deps, backend: "local", client, mirrored: "all" } as const;
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") });
  return environment
    .run(() =>
      withHeartbeat((signal) => work({ ...pass, unsent: [], begun: new Set(), signal }), silenceMs),
    )
    .catch((error: unknown) => error);
}

/** The same pass, which tells `onDownload` of each picture that it fetches. */
export function watchingDownloads(
  pass: MirrorPass,
  onDownload: (imageName: string, fetched: Promise<unknown>) => void,
): MirrorPass {
  const client: typeof pass.client = {
    ...pass.client,
    async downloadImage(...args) {
      const fetched = pass.client.downloadImage(...args);
      onDownload(args[0].imageName, fetched);
      return fetched;
    },
  };
  return { ...pass, client, deps: { ...pass.deps, invokeai: async () => client } };
}
