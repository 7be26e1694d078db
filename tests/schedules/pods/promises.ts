import type { LedgerPod, RunpodState } from "#simulators/runpod/control";
import { simulatedKey } from "#simulators/runpod/start";
import { findBrokenBills } from "./bills";
import { findBrokenImages } from "./images";
import { findBrokenLives } from "./lives";
import { sessionsOf } from "./moments";
import type { Played } from "./run";
import type { PodTestBed } from "./test-bed";

/** All violations after a schedule, in words; RunPod's ledger is what rows are held against. */
export async function findBrokenPromises(bed: PodTestBed, played: Played): Promise<string[]> {
  const state = await bed.runpod.state();
  const sessions = await sessionsOf(bed, played.observed);
  const pods = state.pods.filter((pod) => isOurs(bed, played, pod));
  return [
    ...findBrokenLives(sessions, pods, played),
    ...findBrokenBills(sessions, pods, played),
    ...findCallsOnStrangers(bed, state),
    ...(await findBrokenImages(bed, state, played)),
  ];
}

const isOurs = ({ prefix }: PodTestBed, { observed }: Played, pod: LedgerPod): boolean =>
  pod.name.startsWith(prefix) && pod.realCreatedAt >= observed.since.getTime();

/** Strangers' pods are in the lists that the gallery reads; nothing else may concern them. */
function findCallsOnStrangers({ prefix }: PodTestBed, state: RunpodState): string[] {
  const strangers = new Set(
    state.pods.filter(({ name }) => !name.startsWith(prefix)).map(({ id }) => id),
  );
  return state.calls
    .filter(
      ({ podId, keyPrefix }) => strangers.has(podId ?? "") && simulatedKey.startsWith(keyPrefix),
    )
    .map(({ method, path }) => `a stranger's pod was called: ${method} ${path}`);
}
