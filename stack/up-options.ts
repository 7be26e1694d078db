import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Refusal } from "./refusal";

export type UpOptions = {
  port: number;
  dataDir: string;
  demo: boolean;
  /** Shows rented GPUs, with a simulated RunPod and without any of the owner's settings. */
  remoteDemo: boolean;
  once: boolean;
  watch: boolean;
};

/**
 * Options of `./gallery up`; defaults are the owner's PORT and DATA_DIR. The demonstration of rented GPUs has a folder of its
 * own in the latter, because it changes settings.
 * @param places `root`: base of a relative DATA_DIR; `calledFrom`: base of a relative `--data`
 */
export function parseUpOptions(
  args: string[],
  env: Record<string, string | undefined>,
  places: { root: string; calledFrom: string },
): UpOptions {
  const values = parse(args);
  const demo = values.demo ?? false;
  const remoteDemo = values["remote-demo"] ?? false;
  if (demo && remoteDemo) throw new Refusal("Choose one of --demo and --remote-demo.");
  if (values.once && !demo && !remoteDemo) {
    throw new Refusal("--once requires --demo or --remote-demo.");
  }
  const port = values.port ?? (env["PORT"]?.trim() || "8000");
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new Refusal(`--port (or PORT): a port, 0 to 65535 (given: ${JSON.stringify(port)})`);
  }
  const owners = resolve(places.root, env["DATA_DIR"]?.trim() || "data");
  const fallback = remoteDemo ? join(owners, "remote-demo") : owners;
  const dataDir = values.data === undefined ? fallback : resolve(places.calledFrom, values.data);
  return {
    port: Number(port),
    dataDir,
    demo,
    remoteDemo,
    once: values.once ?? false,
    watch: values.watch ?? false,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        port: { type: "string" },
        data: { type: "string" },
        demo: { type: "boolean" },
        "remote-demo": { type: "boolean" },
        once: { type: "boolean" },
        watch: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\nSee ./gallery help.`);
  }
}
