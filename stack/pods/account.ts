import { resolve } from "node:path";
import type { PodProvider } from "#activities/adapters/pods/provider";
import { createRunpodProvider } from "#activities/adapters/pods/runpod/client";
import { podNamePrefix } from "#activities/pods/names";
import { type Config, ConfigError, loadConfig } from "#config";
import { createDiskStorage } from "#media/storage/disk";
import { Refusal } from "../refusal";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the commands need: faults of other variables do not keep anybody from ending pods. */
const variables = [
  "RUNPOD_API_KEY",
  "RUNPOD_API_URL",
  "RUNPOD_PROXY_URL",
  "RUNPOD_POD_TYPE",
  "INVOKEAI_CONNECTION_TIMEOUT",
  "INVOKEAI_READ_TIMEOUT",
];

/** @throws Refusal with the variables that are wrong */
export function readConfig(env: Environment): Config {
  const known = Object.fromEntries(variables.map((name) => [name, env[name]]));
  try {
    return loadConfig({ ...known, DATABASE_URL: "postgres://unused" });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Refusal(`The environment or .env has invalid values:\n${error.message}`);
  }
}

/** @throws Refusal without a key */
export function openProvider(config: Config): PodProvider {
  const apiKey = config.secrets.runpodApiKey;
  if (apiKey === null) {
    throw new Refusal(
      "RUNPOD_API_KEY is not set. Make a key at https://console.runpod.io/user/settings and write it into .env.",
    );
  }
  const { apiUrl, proxyUrl } = config.pods;
  const { connectionTimeoutMs, readTimeoutMs } = config.invokeai;
  return createRunpodProvider({ apiUrl, proxyUrl, apiKey, connectionTimeoutMs, readTimeoutMs });
}

/** The names of an installation's pods begin with this. */
export type Installation = { prefix: string };

/**
 * The installation that the data folder belongs to, or the one that `id` names: its whole id, or the twelve characters of it
 * in the names of its pods. Undefined when the folder has no marker.
 * @throws Refusal when `id` is neither
 */
export async function findInstallation(
  dataDir: string,
  id: string | undefined,
): Promise<Installation | undefined> {
  if (id !== undefined) {
    const digits = id.replaceAll("-", "").toLowerCase();
    if (!/^[0-9a-f]{12}([0-9a-f]{20})?$/.test(digits)) {
      throw new Refusal("--installation: an installation's id, or the first 12 characters of it");
    }
    return { prefix: podNamePrefix(digits) };
  }
  const marker = await createDiskStorage({ dataDir })
    .readMarker()
    .catch(() => undefined);
  return marker ? { prefix: podNamePrefix(marker) } : undefined;
}

/** The names of pods of any gallery begin like this. */
export const anyInstallation = /^gallery-[0-9a-f]{12}-/;

/** `--data`, else the owner's DATA_DIR, else `data`. */
export function resolveDataDir(
  given: string | undefined,
  env: Environment,
  places: { root: string; calledFrom: string },
): string {
  return given === undefined
    ? resolve(places.root, env["DATA_DIR"]?.trim() || "data")
    : resolve(places.calledFrom, given);
}
