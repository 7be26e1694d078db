import type { TSchema } from "elysia";
import {
  eachOption,
  eachOptionOnWire,
  type OptionOnWire,
  type Options,
  options,
} from "#generation-parameters";

type Option = (typeof options)[number][1];

/** A field of a schema for each option of a generation. */
export function optionFields<Field extends TSchema>(
  field: (option: Option) => Field,
): Record<OptionOnWire, Field> {
  const fields = options.map(([, option]) => [option.wire, field(option)]);
  return Object.fromEntries(fields) as Record<OptionOnWire, Field>;
}

export function optionsToWire(fields: Options): { [Name in OptionOnWire]?: number } {
  return eachOptionOnWire((name) => fields[name]);
}

export function optionsFromWire(body: { [Name in OptionOnWire]?: number | undefined }): Options {
  return eachOption((_name, { wire }) => body[wire]);
}
