import { parseArgs } from "node:util";
import { Refusal } from "#stack/refusal";

export type MeasureOptions = Readonly<{
  /** Only a few rounds, to check that a measurement works; its figures mean little. */
  isShort: boolean;
  /** A real InvokeAI without other users; undefined when there is none. */
  invokeaiUrl: string | undefined;
}>;

/**
 * Parses the names and options of `./gallery bench`.
 * @throws Refusal that names unknown ones
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
