import type { Offer, PodProvider } from "#activities/adapters/pods/provider";
import { findGpuType } from "#gpu-types";
import { Refusal } from "../refusal";
import type { GalleryApi, GallerySettings } from "./gallery-api";
import { formatOffers, leastMemoryGb, sortOffers } from "./offers";
import { parseBudget, type SetupOptions } from "./setup-options";
import { chooseVolume } from "./setup-volume";
import type { Terminal } from "./terminal";

/** Small ones of the two bases that fit every GPU; InvokeAI's page has nearly two hundred more. */
const starters: Record<string, string> = {
  "sd-1": "Lykon/dreamshaper-8",
  sdxl: "RunDiffusion/Juggernaut-XL-v9",
};

/** Asks for all that renting needs, and stores it through the API of the gallery. */
export async function setUp(
  provider: PodProvider,
  known: { gallery: GalleryApi | undefined; gpuType: string; volumeName: string | undefined },
  options: SetupOptions,
  terminal: Terminal,
): Promise<number> {
  const { say } = terminal;
  await provider.checkKey();
  say("RunPod accepts the key.\n");
  const offers = sortOffers(await provider.listOffers());
  const fitting = offers.filter(
    ({ memoryGb, stock }) => memoryGb >= leastMemoryGb && stock !== "none",
  );
  say(`${formatOffers(fitting)}\n`);
  const gpuTypes = await chooseGpuTypes(offers, known.gpuType, options, terminal);
  const volumeId = await chooseVolume(
    provider,
    { offers: offers.filter(({ gpuType }) => gpuTypes.includes(gpuType)), name: known.volumeName },
    options,
    terminal,
  );
  const settings: Partial<GallerySettings> = {
    gpu_types: gpuTypes,
    volume_id: volumeId,
    models: await chooseModels(options, terminal),
    max_session_cost_usd: await chooseBudget(
      "session",
      options.sessionBudget,
      5,
      options,
      terminal,
    ),
    max_month_cost_usd: await chooseBudget("month", options.monthBudget, 25, options, terminal),
    ...((await choosesRemote(options, terminal)) && { mode: "remote" as const }),
  };
  return store(known.gallery, settings, terminal);
}

async function store(
  gallery: GalleryApi | undefined,
  settings: Partial<GallerySettings>,
  { say }: Terminal,
): Promise<number> {
  if (gallery) {
    await gallery.changeSettings(settings);
    say(`\nStored in the gallery at ${gallery.baseUrl}:\n${JSON.stringify(settings, null, 2)}`);
    return 0;
  }
  const body = JSON.stringify({ backend: settings });
  say(
    `\nNothing is stored: no gallery answers. Start it with ./gallery up and run this again, or send this to it:\n\n  curl -X PATCH http://127.0.0.1:8000/api/v1/settings -H 'Content-Type: application/json' -d '${body}'`,
  );
  return 1;
}

async function chooseGpuTypes(
  offers: readonly Offer[],
  preferred: string,
  options: SetupOptions,
  { ask }: Terminal,
): Promise<string[]> {
  const known = offers.map(({ gpuType }) => gpuType);
  const fallback = findGpuType(preferred, known);
  const first = "gpuType" in fallback ? fallback.gpuType : (known[0] ?? preferred);
  const names =
    options.gpuTypes ??
    (options.isSure
      ? [first]
      : (await ask("GPU types, the preferred one first, separated by commas?", first)).split(","));
  return names.map((name) => {
    const found = findGpuType(name.trim(), known);
    if ("gpuType" in found) return found.gpuType;
    throw new Refusal(`RunPod does not offer ${name.trim()}; near: ${found.nearest.join(", ")}`);
  });
}

async function chooseModels(options: SetupOptions, { say, ask }: Terminal): Promise<string[]> {
  const chosen = options.models ?? (options.isSure ? ["sd-1"] : undefined);
  const names =
    chosen ??
    (say(
      `\nModels that a pod installs when they are missing: sd-1 (${starters["sd-1"]}, 2 GB), sdxl (${starters["sdxl"]}, 7 GB), or any source that InvokeAI's installer takes.`,
    ),
    (await ask("Models, separated by commas?", "sd-1")).split(","));
  return names
    .map((name) => starters[name.trim()] ?? name.trim())
    .filter((name) => name !== "none");
}

async function chooseBudget(
  of: "session" | "month",
  given: number | null | undefined,
  fallback: number,
  options: SetupOptions,
  { ask }: Terminal,
): Promise<number | null> {
  if (given !== undefined) return given;
  if (options.isSure) return fallback;
  const answer = await ask(`Budget of a ${of} in dollars, or none?`, String(fallback));
  return parseBudget(answer, `budget of a ${of}`);
}

async function choosesRemote(options: SetupOptions, { ask }: Terminal): Promise<boolean> {
  if (options.remote || options.isSure) return options.remote;
  return (await ask("Generate images on rented GPUs from now on? (yes/no)", "yes")) === "yes";
}
