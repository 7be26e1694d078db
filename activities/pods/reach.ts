import { log } from "@temporalio/activity";
import { ProviderError } from "#errors";
import type { PodSession } from "#db/schema/pod-sessions";
import { createInvokeAiClient, type InvokeAiClient } from "../adapters/invokeai/client";
import type { PodDeps } from "../deps";
import { noteProgress } from "../heartbeat";
import type { PodContext } from "./context";
import { type AdminState, sendBeat } from "./guard/beat";
import { beatPort, invokeAiPort } from "./guard/order";
import { keyRefused } from "./warnings";

/** Where InvokeAI answers on a session's pod, and as whom to log in. */
export function invokeAiOn(
  { provider, secret }: PodDeps,
  { podId, place }: PodSession & { podId: string },
) {
  const { email: user, password } = secret.administratorOf(place);
  return { baseUrl: provider.addressOf(podId, invokeAiPort), credentials: { user, password } };
}

/** A sign of life for the guard, which ends the pod without; null: it does not answer. */
export async function beat(
  context: PodContext,
  { id, podId, warned }: PodSession & { podId: string },
): Promise<AdminState | null> {
  const { provider, secret, signal, deps } = context;
  // This program cannot end the pod, so the guard has to.
  if (warned.includes(keyRefused)) return null;
  try {
    const { admin } = await sendBeat(
      {
        provider: "runpod",
        address: provider.addressOf(podId, beatPort),
        token: secret.beatTokenOf(id),
        withinMs: deps.config.invokeai.connectionTimeoutMs,
      },
      signal,
    );
    return admin;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    log.debug("the guard does not answer", { podId, fault: error.fault });
    return null;
  }
}

/** InvokeAI on a session's pod, also before its place may be used. */
export function clientOn(
  context: PodContext,
  session: PodSession & { podId: string },
): InvokeAiClient {
  const { connectionTimeoutMs, readTimeoutMs } = context.deps.config.invokeai;
  const timeouts = { connectionTimeoutMs, readTimeoutMs };
  return createInvokeAiClient({
    ...invokeAiOn(context, session),
    ...timeouts,
    onWait: noteProgress,
  });
}

/** Whether InvokeAI answers and accepts the login. Anything else is "not yet": proxies answer meanwhile. */
export async function doesAnswer(invokeai: InvokeAiClient, signal: AbortSignal): Promise<boolean> {
  try {
    await invokeai.getVersion(signal);
    await invokeai.getQueueStatus(signal);
    return true;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return false;
  }
}
