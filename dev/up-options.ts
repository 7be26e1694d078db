import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Refusal } from "./refusal";

export type UpOptions = {
  port: number;
  dataDir: string;
  demo: boolean;
  once: boolean;
  watch: boolean;
};

/**
 * Options of `./gallery up`; without `--port` and `--data` the owner's PORT and DATA_DIR count.
 * @param places `root`: what a DATA_DIR is relative to; `calledFrom`: what `--data` is relative to.
 */
export function parseUpOptions(
  args: string[],
  env: Record<string, string | undefined>,
  places: { root: string; calledFrom: string },
): UpOptions {
  const values = parse(args);
  if (values.once && !values.demo) throw new Refusal("--once goes with --demo.");
  const port = values.port ?? (env["PORT"]?.trim() || "8000");
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new Refusal(`--port (or PORT): a port, 0 to 65535 (given: ${JSON.stringify(port)})`);
  }
  const dataDir =
    values.data === undefined
      ? resolve(places.root, env["DATA_DIR"]?.trim() || "data")
      : resolve(places.calledFrom, values.data);
  return {
    port: Number(port),
    dataDir,
    demo: values.demo ?? false,
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
        once: { type: "boolean" },
        watch: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\nSee ./gallery help.`);
  }
}
