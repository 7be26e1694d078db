import { parseArgs, type ParseArgsConfig } from "node:util";
import { ProviderError } from "#errors";
import { Refusal } from "../refusal";
import {
  type Environment,
  findInstallation,
  openProvider,
  readConfig,
  resolveDataDir,
} from "./account";
import { examine } from "./doctor";
import { findGallery } from "./gallery-api";
import { listPods } from "./list";
import { showOffers } from "./offers";
import { setUp } from "./setup";
import { parseBudget, parseVolumeGb } from "./setup-options";
import { stopAll } from "./stop-all";
import { openTerminal, type Terminal } from "./terminal";

const usage = `usage: ./gallery pods <command>; all need RUNPOD_API_KEY, in .env or the environment

  offers [--all]   GPU types with price and stock; --all: also those that are too small or sold out
  list             all pods and volumes of the account
  doctor           check key, settings, GPU types, volume and pods, without renting anything
  stop-all [--installation ID] [--any-installation] [--yes]
                   end the pods of this gallery and wait until RunPod no longer lists them; needs nothing else to run
                     --installation      of the gallery with this id
                     --any-installation  of all galleries; asks, unless --yes
  setup [--yes] [--gpu NAME]… [--volume none|new|ID] [--volume-size GB] [--data-center ID]
        [--model SOURCE]… [--session-budget USD] [--month-budget USD] [--remote]
                   choose GPU, volume, models and budgets, and store them in the running gallery
                     --yes     ask nothing: defaults for what is not given; no volume unless --volume
                     --remote  then generate on rented GPUs

  --data DIR       data folder of the gallery, for its installation id (data/)
  --api URL        address of the running gallery (http://127.0.0.1:8000)`;

const flags = {
  data: { type: "string" },
  api: { type: "string" },
  all: { type: "boolean" },
  installation: { type: "string" },
  "any-installation": { type: "boolean" },
  yes: { type: "boolean" },
  gpu: { type: "string", multiple: true },
  volume: { type: "string" },
  "volume-size": { type: "string" },
  "data-center": { type: "string" },
  model: { type: "string", multiple: true },
  "session-budget": { type: "string" },
  "month-budget": { type: "string" },
  remote: { type: "boolean" },
} as const satisfies ParseArgsConfig["options"];

type Flag = keyof typeof flags;

/** The options of each command, besides `--data` and `--api`. */
const commands: Record<string, readonly Flag[]> = {
  offers: ["all"],
  list: [],
  doctor: [],
  "stop-all": ["installation", "any-installation", "yes"],
  setup: [
    "yes",
    "gpu",
    "volume",
    "volume-size",
    "data-center",
    "model",
    "session-budget",
    "month-budget",
    "remote",
  ],
};

/** `./gallery pods`; returns the exit status. */
export async function runPods(
  args: readonly string[],
  env: Environment,
  places: { root: string; calledFrom: string },
  terminal: Terminal = openTerminal(),
): Promise<number> {
  const [command = "help", ...rest] = args;
  if (command === "help" || command === "--help") {
    terminal.say(usage);
    return 0;
  }
  const values = parse(command, rest);
  const config = readConfig(env);
  const provider = openProvider(config);
  const { gpuType } = config.pods;
  const dataDir = resolveDataDir(values.data, env, places);
  const installation = await findInstallation(dataDir, values.installation);
  const gallery = () => findGallery(values.api, env);
  try {
    switch (command) {
      case "offers":
        return await showOffers(provider, { all: values.all ?? false }, terminal);
      case "list":
        return await listPods(provider, installation, terminal);
      case "doctor":
        return await examine(
          provider,
          { installation, gallery: await gallery(), gpuType },
          terminal,
        );
      case "stop-all":
        return await stopAll(
          provider,
          {
            installation,
            any: values["any-installation"] ?? false,
            isSure: values.yes ?? false,
          },
          terminal,
        );
      default:
        return await setUp(
          provider,
          {
            gallery: await gallery(),
            gpuType,
            volumeName: installation?.prefix.replace(/-$/, ""),
          },
          setupOptionsOf(values),
          terminal,
        );
    }
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    throw new Refusal(error.message);
  }
}

function parse(command: string, args: string[]) {
  const own = commands[command];
  if (!own) throw new Refusal(`unknown command "pods ${command}"\n\n${usage}`);
  const names: Flag[] = ["data", "api", ...own];
  const options = Object.fromEntries(names.map((name) => [name, flags[name]])) as typeof flags;
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\nSee ./gallery pods help.`);
  }
}

function setupOptionsOf(values: ReturnType<typeof parse>) {
  const budget = (name: "session-budget" | "month-budget") => {
    const given = values[name];
    return given === undefined ? undefined : parseBudget(given, `--${name}`);
  };
  const size = values["volume-size"];
  return {
    isSure: values.yes ?? false,
    gpuTypes: values.gpu,
    volume: values.volume,
    volumeGb: size === undefined ? undefined : parseVolumeGb(size),
    dataCenter: values["data-center"],
    models: values.model,
    sessionBudget: budget("session-budget"),
    monthBudget: budget("month-budget"),
    remote: values.remote ?? false,
  };
}
