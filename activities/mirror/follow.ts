import { ProviderError } from "#errors";
import { getSettings } from "#db/queries/installation/settings";
import { findMirrorState, noteMirrorState } from "#db/queries/mirror/states";
import { localPlace } from "#db/schema/backends";
import type { Timings } from "#workflows/timings";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import type { ActivityDeps } from "../deps";
import { noteProgress, pause, withHeartbeat } from "../heartbeat";
import { compareAll, type MirrorPass, takeNewest } from "./compare";

/** An activity ends after this long, so that its history starts anew. */
const followMs = 60 * 60_000;
/** The setting is read this often. */
const settingCheckMs = 5_000;
/** After InvokeAI did not answer. */
const awayPauseMs = 5_000;

type Waits = Pick<Timings, "mirrorCheckMs" | "mirrorCompareMs">;

/** Brings the pictures that are made in the local InvokeAI's own page into the library. */
export function createMirrorActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  const backend = localPlace;
  const readSetting = async () => (await getSettings(db, deps.config))["backend.mirror"];

  async function follow(
    { mirrorCheckMs, mirrorCompareMs }: Waits,
    signal: AbortSignal,
  ): Promise<{ isOff: boolean }> {
    const endsAt = performance.now() + followMs;
    using hints = createHints(signal);
    let compared: { at: number; mirrored: string } | undefined;
    let checkedAt = 0;
    for (;;) {
      const mirrored = await readSetting();
      if (mirrored === "off") return { isOff: true };
      if (performance.now() > endsAt) return { isOff: false };
      try {
        const client = await deps.invokeai(backend);
        hints.listenTo(client);
        const pass: MirrorPass = {
          deps,
          backend,
          client,
          mirrored,
          signal,
          unsent: [],
          begun: new Set(),
        };
        const wanted = JSON.stringify(mirrored);
        const isStale =
          compared?.mirrored !== wanted || performance.now() - compared.at > mirrorCompareMs;
        const isDue = hints.take() || performance.now() - checkedAt > mirrorCheckMs;
        if (isDue || isStale) {
          const areMore = isDue && !(await takeNewest(pass));
          checkedAt = performance.now();
          if (isStale || areMore) {
            const { isComplete } = await compareAll(pass, {
              isHinted: hints.isThere,
              async look() {
                if (hints.take()) await takeNewest(pass);
                return JSON.stringify(await readSetting()) === wanted;
              },
            });
            if (isComplete) compared = { at: performance.now(), mirrored: wanted };
          }
          await noteFault(pass.unsent[0] ?? null);
        }
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        await noteMirrorState(db, { backend, now: deps.now(), fault: error.message });
        await pause(awayPauseMs, signal);
      }
      await hints.wait(Math.min(settingCheckMs, mirrorCheckMs));
    }
  }

  async function noteFault(fault: string | null): Promise<void> {
    const state = await findMirrorState(db, backend);
    if (state?.fault === fault) return;
    await noteMirrorState(db, { backend, now: deps.now(), fault });
  }

  return {
    /** Follows InvokeAI's gallery for an hour, or until the setting is off. */
    followGallery: (waits: Waits): Promise<{ isOff: boolean }> =>
      withHeartbeat((signal) => follow(waits, signal)),
  };
}

/** Whether InvokeAI has announced an image. */
function createHints(signal: AbortSignal) {
  let listening: { client: InvokeAiClient; end: AbortController } | undefined;
  let isHinted = false;
  let wake = () => {};

  return {
    /** Listens to this client, and to no other any more. */
    listenTo(client: InvokeAiClient): void {
      if (listening?.client === client) return;
      listening?.end.abort();
      listening = { client, end: new AbortController() };
      const onImage = () => {
        isHinted = true;
        wake();
      };
      client.subscribeSavedImages({ onImage, signal: listening.end.signal });
    },
    /** Whether there is a hint that was not taken yet. */
    isThere: (): boolean => isHinted,
    /** Whether there was a hint since the last call. */
    take(): boolean {
      const was = isHinted;
      isHinted = false;
      return was;
    },
    /** Until there is a hint, but no longer than this. */
    async wait(ms: number): Promise<void> {
      if (isHinted) return;
      const hinted = new AbortController();
      wake = () => hinted.abort();
      await pause(ms, AbortSignal.any([signal, hinted.signal])).catch(() => {});
      noteProgress();
      signal.throwIfAborted();
    },
    [Symbol.dispose]: () => listening?.end.abort(),
  };
}
