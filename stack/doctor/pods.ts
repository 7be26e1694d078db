import type { PodProvider } from "#activities/adapters/pods/provider";
import { podNamePrefix } from "#activities/pods/names";
import { ProviderError } from "#errors";
import type { Database } from "#db/client";
import { findLivePodSession } from "#db/queries/pods/sessions";
import { countOf } from "#library/commands/output";
import type { Check } from "./finding";

type Known = {
  database: Database | undefined;
  installationId: string | undefined;
  /** Undefined without a key. */
  provider: PodProvider | undefined;
  /** Whether there is a key, which this program may not know. */
  canRent: boolean;
};

/** The rented pod, as the gallery and as RunPod see it. */
export function checkPods({ database, installationId, provider, canRent }: Known): Check {
  return {
    part: "pods",
    async run({ ok, warning, fault }) {
      const session = database && (await findLivePodSession(database.db).catch(() => undefined));
      if (session?.lastError != null) fault(session.lastError, "See ./gallery pods list.");
      if (session) ok(`one is ${session.status}: ${session.gpuType ?? "GPU not chosen yet"}`);
      if (!canRent) {
        if (!session) return ok("none can be rented: RUNPOD_API_KEY is not set");
        return fault(
          "one may run, and cannot be ended without a key",
          "Set RUNPOD_API_KEY and restart, or end it at https://console.runpod.io/pods.",
        );
      }
      if (!provider) {
        if (!session) ok("none is rented; the key is known to the worker only");
        return;
      }
      try {
        await provider.checkKey();
        const prefix = installationId && podNamePrefix(installationId);
        const all = prefix === undefined ? [] : await provider.list();
        const ours = all.filter(({ name }) => name.startsWith(prefix!));
        const unknown = ours.filter(
          ({ id, name }) => id !== session?.podId && name !== session?.podName,
        );
        if (unknown.length > 0) {
          warning(
            `${countOf(unknown.length, "pod")} at RunPod belong to no session: ${unknown.map(({ id }) => id).join(", ")}`,
            "The worker ends them within minutes; at once: ./gallery pods stop-all",
          );
        } else ok(`RunPod accepts the key and has ${countOf(ours.length, "pod")} of this gallery`);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        fault(error.message, "See ./gallery pods doctor.");
      }
    },
  };
}
