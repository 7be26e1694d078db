import type { PodEndReason } from "#db/schema/pod-sessions";

/** Why a pod ended, for the owner. */
export const endMessages: Record<PodEndReason, string> = {
  idle: "The GPU was returned: nothing used it.",
  stopped: "The GPU was returned, as asked.",
  mode_local: "The GPU was returned: the mode is local.",
  unwanted: "No GPU was rented: nothing waits for one any more.",
  max_hours: "The GPU was returned after the longest time allowed (backend.max_session_hours).",
  session_budget: "The GPU was returned: its budget is used (backend.max_session_cost_usd).",
  month_budget: "The GPU was returned: this month's budget is used (backend.max_month_cost_usd).",
  boot_timeout: "The GPU was returned: InvokeAI did not start on it in time.",
  unresponsive: "The GPU was returned: InvokeAI no longer answered on it.",
  unknown_administrator:
    "The GPU was returned: InvokeAI on it has an administrator that this gallery did not make. Check the volume.",
  lost: "The rented GPU is gone: the provider no longer has the pod.",
  exited: "The rented GPU was stopped by the provider.",
  broken: "The rented GPU failed at the provider.",
  refused: "No GPU could be rented.",
  key: "No GPU could be rented: the provider refuses RUNPOD_API_KEY; set a valid one.",
  balance: "No GPU could be rented: the account's balance is too low.",
  order: "No GPU could be rented: the provider refused the order.",
};

/** Why a pod ends, while it may still run and cost money. */
export const endingMessage = (reason: PodEndReason): string =>
  endMessages[reason].replace("The GPU was returned", "The GPU is being returned");

/** `2 min 10 s`. */
export function showDuration(ms: number): string {
  const seconds = Math.max(Math.floor(ms / 1_000), 0);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
}

/** While InvokeAI starts on a pod. */
export function bootMessage(bootedForMs: number, usualMs: number): string {
  const minutes = Math.max(Math.round(usualMs / 60_000), 1);
  return `Starting InvokeAI, ${showDuration(bootedForMs)}, mostly about ${minutes} min.`;
}

/** While a GPU is asked for; `refused`: the candidate before it. */
export function askMessage(gpuType: string, refused: string | undefined): string {
  if (refused === undefined) return `Renting a GPU: asking for ${gpuType}.`;
  if (refused === gpuType)
    return `Renting a GPU: ${gpuType} is not available there, trying elsewhere.`;
  return `Renting a GPU: ${refused} is not available, trying ${gpuType}.`;
}
