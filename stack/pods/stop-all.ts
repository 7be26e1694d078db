import type { Pod, PodProvider } from "#activities/adapters/pods/provider";
import { ProviderError } from "#errors";
import { Refusal } from "../refusal";
import { anyInstallation, type Installation } from "./account";
import type { Terminal } from "./terminal";

/** The list may lag behind, and RunPod may be away for minutes. */
const patienceMs = 15 * 60_000;
const pauseMs = 2_000;

/**
 * Ends all pods of an installation, or of any, and returns once a complete list of the account lacks them.
 * @param scope.any pods of all galleries, after a question unless `isSure`
 * @param options.patienceMs for tests
 * @returns the exit status: 1 when the end of a pod is not confirmed
 */
export async function stopAll(
  provider: PodProvider,
  scope: { installation: Installation | undefined; any: boolean; isSure: boolean },
  terminal: Terminal,
  options: { patienceMs?: number; pauseMs?: number } = {},
): Promise<number> {
  const { say } = terminal;
  const isMeant = podsOf(scope);
  const found = (await keepTrying(() => provider.list(), terminal, options)).filter(isMeant);
  if (found.length === 0) {
    say(`No pod of ${scope.any ? "any gallery" : "this gallery"} exists.`);
    return 0;
  }
  for (const { id, name, gpuType } of found) say(`  ${id}  ${name}  ${gpuType ?? ""}`);
  if (scope.any && !scope.isSure) {
    const answer = await terminal.ask(`End these ${found.length} pods? (yes/no)`, "no");
    if (answer !== "yes") throw new Refusal("Nothing was ended.");
  }
  const left = await endAll(provider, isMeant, terminal, options);
  if (left.length === 0) {
    say(`Ended, and RunPod no longer lists them: ${found.length}.`);
    say("If the gallery runs with mode remote, its next request rents another one.");
    return 0;
  }
  say(
    `RunPod has not confirmed the end of ${left.map(({ id }) => id).join(", ")}: they may still cost money. Run this again, or end them at https://console.runpod.io/pods.`,
  );
  return 1;
}

function podsOf({ installation, any }: { installation: Installation | undefined; any: boolean }) {
  if (any) return ({ name }: Pod) => anyInstallation.test(name);
  if (!installation) {
    throw new Refusal(
      "The data folder has no installation id. Name the folder with --data, the id with --installation, or end the pods of all galleries with --any-installation.",
    );
  }
  const { prefix } = installation;
  return ({ name }: Pod) => name.startsWith(prefix);
}

/** Ends what the list has, again and again; returns what it still has in the end. */
async function endAll(
  provider: PodProvider,
  isMeant: (pod: Pod) => boolean,
  terminal: Terminal,
  options: { patienceMs?: number; pauseMs?: number },
): Promise<Pod[]> {
  const deadline = Date.now() + (options.patienceMs ?? patienceMs);
  for (;;) {
    const left = (await keepTrying(() => provider.list(), terminal, options)).filter(isMeant);
    if (left.length === 0 || Date.now() > deadline) return left;
    for (const { id } of left) {
      await provider.terminate(id).catch((error: unknown) => {
        if (!(error instanceof ProviderError)) throw error;
        terminal.say(`  ${id}: ${error.message}`);
      });
    }
    await Bun.sleep(options.pauseMs ?? pauseMs);
  }
}

/** Repeats a call while the provider is away; a refused key ends it at once. */
async function keepTrying<T>(
  call: () => Promise<T>,
  { say }: Terminal,
  options: { patienceMs?: number; pauseMs?: number },
): Promise<T> {
  const deadline = Date.now() + (options.patienceMs ?? patienceMs);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const canHelp = error instanceof ProviderError && error.retryable;
      if (!canHelp || Date.now() > deadline) throw error;
      say(`  ${error.message} Trying again …`);
      await Bun.sleep(Math.max(error.retryAfterMs ?? 0, options.pauseMs ?? pauseMs));
    }
  }
}
