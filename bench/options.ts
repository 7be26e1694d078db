import { parseArgs } from "node:util";
import { Refusal } from "#dev/refusal";

export type MeasureOptions = Readonly<{
  /** A few rounds only: whether a measurement works, not what it says. */
  isShort: boolean;
  /** A real InvokeAI that nobody else uses; undefined: none is at hand. */
  invokeaiUrl: string | undefined;
}>;

/**
 * The names and options behind `./gallery bench`.
 * @throws Refusal that says what is not known
 */
export function parseBenchArguments(args: readonly string[]): {
  names: string[];
  options: MeasureOptions;
} {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { short: { type: "boolean", default: false }, invokeai: { type: "string" } },
    });
    return { names: positionals, options: { isShort: values.short, invokeaiUrl: values.invokeai } };
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error));
  }
}
