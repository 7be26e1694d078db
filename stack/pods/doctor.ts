import type { Offer, PodProvider } from "#activities/adapters/pods/provider";
import { ProviderError } from "#errors";
import { findGpuType } from "#gpu-types";
import { Refusal } from "../refusal";
import type { Installation } from "./account";
import type { GalleryApi, GallerySettings } from "./gallery-api";
import { showDollars, type Terminal } from "./terminal";

/** Checks all that renting needs, at no cost; returns the exit status: 1 when something has to be done. */
export async function examine(
  provider: PodProvider,
  known: {
    installation: Installation | undefined;
    gallery: GalleryApi | undefined;
    /** Of the environment, while no gallery runs. */
    gpuType: string;
  },
  { say }: Terminal,
): Promise<number> {
  let faults = 0;
  const report = (isWell: boolean, line: string) => {
    if (!isWell) faults++;
    say(`  ${isWell ? "ok " : "NO "} ${line}`);
  };
  const check = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ProviderError || error instanceof Refusal)) throw error;
      report(false, `${what}: ${error.message}`);
    }
  };

  await check("key", async () => {
    await provider.checkKey();
    report(true, "RunPod accepts the key. Whether it may rent shows only when a pod is rented.");
  });
  let settings: GallerySettings | undefined;
  await check("gallery", async () => {
    settings = await known.gallery?.readSettings();
    if (!settings) say("  --  No gallery answers; defaults are checked. Start it: ./gallery up");
    else reportSettings(settings, report, say);
  });
  await check("GPU types", async () => {
    const wanted = settings?.gpu_types ?? [known.gpuType];
    reportOffers(wanted, await provider.listOffers(), report);
  });
  await check("volume", async () => {
    const volumeId = settings?.volume_id ?? null;
    if (volumeId === null) return say("  --  No volume: each pod downloads its models again.");
    const volume = (await provider.listVolumes()).find(({ id }) => id === volumeId);
    report(volume !== undefined, `volume ${volumeId}: ${volume?.dataCenter ?? "does not exist"}`);
  });
  await check("pods", async () => {
    const { installation } = known;
    if (!installation) return say("  --  The data folder has no installation id yet.");
    const ours = (await provider.list()).filter(({ name }) => name.startsWith(installation.prefix));
    const names = ours.map(({ id, hourlyMicros }) => `${id} (${showDollars(hourlyMicros ?? 0)}/h)`);
    report(ours.length <= 1, `pods of this gallery: ${names.join(", ") || "none"}`);
  });
  say(faults === 0 ? "\nAll is well." : `\nTo be done: ${faults}.`);
  return faults === 0 ? 0 : 1;
}

type Report = (isWell: boolean, line: string) => void;

function reportSettings(
  settings: GallerySettings,
  report: Report,
  say: (line: string) => void,
): void {
  const { mode, models, max_session_cost_usd: session, max_month_cost_usd: month } = settings;
  report(true, `the gallery's mode is ${mode}`);
  const budgets = `${dollars(session)} a session, ${dollars(month)} a month`;
  if (session === null || month === null) say(`  --  budgets: ${budgets}`);
  else report(true, `budgets: ${budgets}`);
  report(models.length > 0, `models of a pod: ${models.join(", ") || "none; see backend.models"}`);
}

const dollars = (limit: number | null) => (limit === null ? "no limit" : `$${limit.toFixed(2)}`);

function reportOffers(wanted: string[], offers: Offer[], report: Report): void {
  const known = offers.map(({ gpuType }) => gpuType);
  for (const name of wanted) {
    const found = findGpuType(name, known);
    if ("nearest" in found) {
      report(false, `${name} is not offered; near: ${found.nearest.join(", ")}`);
      continue;
    }
    const offer = offers.find(({ gpuType }) => gpuType === found.gpuType);
    const price = offer?.hourlyMicros == null ? "not sold" : `${showDollars(offer.hourlyMicros)}/h`;
    report(price !== "not sold", `${found.gpuType}: ${price}, stock ${offer?.stock ?? "none"}`);
  }
}
