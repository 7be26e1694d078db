/**
 * The generation parameters that only some bases take, in one table from which request bodies, rows, responses and recall
 * derive. Imports nothing, so that every folder may import it. Names in `snake_case` are those of the wire.
 */

/** Every scheduler of any base, in InvokeAI's spelling. A model's `accepts` lists those that it takes. */
export const schedulers = [
  "ddim",
  "ddpm",
  "deis",
  "deis_k",
  "lms",
  "lms_k",
  "pndm",
  "heun",
  "heun_k",
  "euler",
  "euler_k",
  "euler_a",
  "kdpm_2",
  "kdpm_2_k",
  "kdpm_2_a",
  "kdpm_2_a_k",
  "dpmpp_2s",
  "dpmpp_2s_k",
  "dpmpp_2m",
  "dpmpp_2m_k",
  "dpmpp_2m_sde",
  "dpmpp_2m_sde_k",
  "dpmpp_3m",
  "dpmpp_3m_k",
  "dpmpp_sde",
  "dpmpp_sde_k",
  "er_sde",
  "unipc",
  "unipc_k",
  "lcm",
  "tcd",
] as const;

/** What the model starts from where it paints a part of a picture. Only `lama` fetches weights. */
export const maskFills = ["source", "cv2", "tile", "patchmatch", "noise", "lama"] as const;
export type MaskFill = (typeof maskFills)[number];

/** Pixels by which a picture grows at each side. */
export type Edges = { top: number; right: number; bottom: number; left: number };
/** A rectangle of a picture, in pixels from its top left corner. */
export type Region = { x: number; y: number; width: number; height: number };

/** How a part of a picture is painted; the mask itself is a picture, and no parameter. */
export type Painting = {
  /** Pixels over which the change fades in, inside the mask. */
  maskBlur?: number;
  maskFill?: MaskFill;
  /** The part of the picture, grown by `expand`, that the model sees. A step that paints a part always has it. */
  region?: Region;
  expand?: Edges;
};

/** A picture that was enlarged by a model; `width` and `height` are those before. */
export type Upscaled = { upscale?: { scale: number } };

/** Picks the fields of a painting from others; absent ones stay absent. */
export function paintingOf({ maskBlur, maskFill, region, expand }: Painting): Painting {
  return {
    ...(maskBlur !== undefined && { maskBlur }),
    ...(maskFill !== undefined && { maskFill }),
    ...(region && { region }),
    ...(expand && { expand }),
  };
}

type Bounds = { min: number; max: number };

/** The part of a model's `accepts` that concerns the options. */
export type AcceptedOptions = {
  /** The highest number of skipped layers; 0: none may be skipped. */
  maxClipSkip: number;
  guidance: boolean;
};

type Option = {
  /** Its name on the wire, in faults, and in InvokeAI's metadata of an image. */
  wire: string;
  isWhole: boolean;
  /** The bounds for a model with this `accepts`; null when the model does not take the option. */
  bounds: (accepts: AcceptedOptions) => Bounds | null;
  /** Whether a model that takes it requires a value. */
  isNeeded: boolean;
  /** The value that an absent field is equal to, if there is one. */
  absent?: number;
  /** The bounds for values read from files, which are wider: other programs allow more than InvokeAI. */
  recorded: Bounds;
};

/** Numbers that only some models take. An image that was made without one lacks the field. */
const table = {
  /** Skipped layers of the text encoder. */
  clipSkip: {
    wire: "clip_skip",
    isWhole: true,
    bounds: ({ maxClipSkip: max }) => (max > 0 ? { min: 0, max } : null),
    isNeeded: false,
    absent: 0,
    recorded: { min: 0, max: 24 },
  },
  /** FLUX dev only. */
  guidance: {
    wire: "guidance",
    isWhole: false,
    bounds: ({ guidance }) => (guidance ? { min: 1, max: 20 } : null),
    isNeeded: true,
    recorded: { min: 0, max: 100 },
  },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof table;
export type Options = { [Name in OptionName]?: number };
type Wire<Name extends OptionName> = (typeof table)[Name]["wire"];
export type OptionOnWire = Wire<OptionName>;

/** The options with their names, in the order of responses. */
export const options = Object.entries(table) as [OptionName, Option & { wire: OptionOnWire }][];

export const optionNamed = (name: OptionName): Option => table[name];

/** An object with a field for each option, without those for which `make` returns undefined. */
function fieldsOf<Key extends string, Value>(
  keyOf: (name: OptionName, option: Option) => string,
  make: (name: OptionName, option: Option & { wire: OptionOnWire }) => Value | undefined,
): { [Name in Key]?: Value } {
  const fields = options.map(([name, option]) => [keyOf(name, option), make(name, option)]);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined)) as {
    [Name in Key]?: Value;
  };
}

/** The results of `make`, by option name. */
export function eachOption<Value>(
  make: (name: OptionName, option: Option & { wire: OptionOnWire }) => Value | undefined,
): { [Name in OptionName]?: Value } {
  return fieldsOf((name) => name, make);
}

/** The results of `make`, by wire name. */
export function eachOptionOnWire<Value>(
  make: (name: OptionName, option: Option) => Value | undefined,
): { [Name in OptionOnWire]?: Value } {
  return fieldsOf((_name, { wire }) => wire, make);
}

/** Picks the options from other fields. */
export function optionsOf(fields: { [Name in OptionName]?: number | undefined }): Options {
  return eachOption((name) => fields[name]);
}
