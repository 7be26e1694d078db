import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PodOrder, PodProvider } from "#activities/adapters/pods/provider";

export const invokeAiPort = 9090;
export const beatPort = 9091;

const python = "/opt/venv/bin/python";
const invokeAi = ["/opt/invokeai/docker-entrypoint.sh", "invokeai-web"];
const guard = readFileSync(join(import.meta.dir, "guard.py"), "utf8");

/** How a pod is guarded from inside; times in seconds, as they pass in the pod. */
export type GuardSettings = {
  /** With which beats are sent. */
  beatToken: string;
  /** Of InvokeAI, made at its first start. */
  admin: { email: string; password: string };
  /** Without a beat for this long, the pod ends itself. */
  silenceSeconds: number;
  /** The pod ends itself at this time whatever happens. */
  endAt: Date;
  /** How often the guard checks the time and, while it starts, InvokeAI; default 0.5. */
  pollSeconds?: number;
  /** Between two tries to end the pod; default 10. */
  retrySeconds?: number;
};

/**
 * What a pod runs: the guard, and InvokeAI as its child. InvokeAI has accounts, and forgets at its start what a pod
 * before it left in its queue.
 */
export function buildPodOrder(
  pod: Pick<PodOrder, "name" | "image" | "gpuType" | "dataCenter" | "volumeId" | "diskGb">,
  settings: GuardSettings,
  { selfEnd }: Pick<PodProvider, "selfEnd">,
): PodOrder {
  const { pollSeconds = 0.5, retrySeconds = 10 } = settings;
  return {
    ...pod,
    ports: [invokeAiPort, beatPort],
    entrypoint: [python],
    command: ["-c", guard, ...invokeAi],
    environment: {
      INVOKEAI_MULTIUSER: "true",
      INVOKEAI_CLEAR_QUEUE_ON_STARTUP: "true",
      GALLERY_GUARD_PORT: String(beatPort),
      GALLERY_GUARD_TOKEN: settings.beatToken,
      GALLERY_GUARD_SILENCE_SECONDS: String(settings.silenceSeconds),
      GALLERY_GUARD_END_AT: String(settings.endAt.getTime() / 1000),
      GALLERY_GUARD_POLL_SECONDS: String(pollSeconds),
      GALLERY_GUARD_RETRY_SECONDS: String(retrySeconds),
      GALLERY_GUARD_EMAIL: settings.admin.email,
      GALLERY_GUARD_PASSWORD: settings.admin.password,
      GALLERY_GUARD_END: JSON.stringify(selfEnd),
    },
  };
}
