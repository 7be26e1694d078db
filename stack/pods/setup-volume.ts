import type { Offer, PodProvider, Volume } from "#activities/adapters/pods/provider";
import { ProviderError } from "#errors";
import { Refusal } from "../refusal";
import { monthlyPriceOf } from "./list";
import { parseVolumeGb, type SetupOptions } from "./setup-options";
import type { Terminal } from "./terminal";

const defaultVolumeGb = 50;

type Wanted = {
  /** Of the chosen GPU types. */
  offers: readonly Offer[];
  /** Of a volume that is made; undefined: the data folder has no installation id yet. */
  name: string | undefined;
};

/**
 * The id of the volume to use; null: none. A volume is made only when `--volume new` or an answer asks for it, and never a
 * second one of that name.
 */
export async function chooseVolume(
  provider: PodProvider,
  wanted: Wanted,
  options: SetupOptions,
  terminal: Terminal,
): Promise<string | null> {
  const volumes = await provider.listVolumes();
  const choice = options.volume ?? (options.isSure ? "none" : await askFor(volumes, terminal));
  if (choice === "none") return null;
  if (choice === "new") return makeVolume(provider, volumes, wanted, options, terminal);
  if (volumes.some(({ id }) => id === choice)) return choice;
  throw new Refusal(`There is no volume ${choice}; see ./gallery pods list.`);
}

async function askFor(volumes: Volume[], { say, ask }: Terminal): Promise<string> {
  say(
    `\nA network volume keeps models and images between pods; it costs money all the time, ${defaultVolumeGb} GB ${monthlyPriceOf(defaultVolumeGb)} a month.`,
  );
  for (const { id, name, sizeGb, dataCenter } of volumes) {
    say(`  ${id}  ${name}, ${sizeGb} GB in ${dataCenter}, ${monthlyPriceOf(sizeGb)} a month`);
  }
  return ask("Volume: none, new, or the id of one?", volumes[0]?.id ?? "none");
}

async function makeVolume(
  provider: PodProvider,
  volumes: Volume[],
  { offers, name }: Wanted,
  options: SetupOptions,
  terminal: Terminal,
): Promise<string> {
  if (name === undefined) {
    throw new Refusal("Start the gallery once before a volume is made: its name holds its id.");
  }
  const existing = volumes.find((volume) => volume.name === name);
  if (existing) {
    terminal.say(`The volume ${existing.id} of this gallery exists already; it is used.`);
    return existing.id;
  }
  const places = dataCentersOf(offers);
  const dataCenter = (
    options.dataCenter ??
    (options.isSure
      ? (places[0] ?? "")
      : await terminal.ask(`Data centre (${places.join(", ")})?`, places[0] ?? ""))
  ).toUpperCase();
  if (dataCenter === "") {
    throw new Refusal("The chosen GPU types are sold out everywhere; name --data-center.");
  }
  const sizeGb = options.volumeGb ?? (await askForSize(options, terminal));
  await confirm(sizeGb, dataCenter, options, terminal);
  const made = await create(provider, { name, sizeGb, dataCenter });
  terminal.say(`Made the volume ${made.id} in ${dataCenter}, ${monthlyPriceOf(sizeGb)} a month.`);
  return made.id;
}

/** Where the chosen GPU types are in stock, most types first. */
function dataCentersOf(offers: readonly Offer[]): string[] {
  const counts = new Map<string, number>();
  for (const { dataCenters } of offers) {
    for (const { id, stock } of dataCenters) {
      if (stock !== "none") counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([id]) => id);
}

async function askForSize(options: SetupOptions, { ask }: Terminal): Promise<number> {
  if (options.isSure) return defaultVolumeGb;
  return parseVolumeGb(await ask("Size in GB?", String(defaultVolumeGb)));
}

async function confirm(
  sizeGb: number,
  dataCenter: string,
  options: SetupOptions,
  { ask }: Terminal,
): Promise<void> {
  if (options.isSure) return;
  const question = `Make a volume of ${sizeGb} GB in ${dataCenter} for ${monthlyPriceOf(sizeGb)} a month? (yes/no)`;
  if ((await ask(question, "no")) !== "yes") throw new Refusal("No volume was made.");
}

/** After an answer that was lost, the volume may exist. */
async function create(
  provider: PodProvider,
  order: { name: string; sizeGb: number; dataCenter: string },
): Promise<Volume> {
  try {
    return await provider.createVolume(order);
  } catch (error) {
    if (!(error instanceof ProviderError) || !error.retryable) throw error;
    const made = (await provider.listVolumes()).find(({ name }) => name === order.name);
    if (!made) throw error;
    return made;
  }
}
