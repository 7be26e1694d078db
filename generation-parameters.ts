/**
 * The generation parameters that only some bases take, and the models that only some bases need, in tables from which request
 * bodies, rows, responses and recall derive. Imports nothing, so that every folder may import it. Names in `snake_case` are
 * those of the wire.
 */

/** In characters (code points), of a prompt and of a negative one. */
export const maxPromptLength = 10_000;

/**
 * Every scheduler of any base, in InvokeAI's spelling; the last three are the sampler presets of Ideogram 4. A model's
 * `accepts` lists those that it takes.
 */
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
  "V4_QUALITY_48",
  "V4_DEFAULT_20",
  "V4_TURBO_12",
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
export type Upscaled = {
  upscale?: {
    /** Absent: each of several pictures has its own. */
    scale?: number;
    /** It was painted again, above 0 up to 1: how much is new. Then also with which models. */
    creativity?: number;
    mainModelKey?: string;
    controlModelKey?: string;
  };
};
/** How one of the pictures of a step that enlarges several is enlarged. */
export type Enlargement = { width: number; height: number; scale: number };

/** A picture that was drawn twice, the second time larger; `width` and `height` are those of the first time. */
export type Hires = {
  /** `strength`: how much the second pass changes, above 0 up to 1. */
  hires?: { scale: number; strength: number };
};

/** The size of the second pass, in multiples of 8. */
export function hiresSize(
  { width, height }: { width: number; height: number },
  scale: number,
): { width: number; height: number } {
  const fit = (side: number) => Math.round((side * scale) / 8) * 8;
  return { width: fit(width), height: fit(height) };
}

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
  /** `optional`: without a value, the model's scheduler determines it. */
  guidance: boolean | "optional";
  /** The highest guidance, where it is not 20. */
  maxGuidance?: number;
};

type Option = {
  /** Its name on the wire, in faults, and in InvokeAI's metadata of an image. */
  wire: string;
  isWhole: boolean;
  /** The bounds for a model with this `accepts`; null when the model does not take the option. */
  bounds: (accepts: AcceptedOptions) => Bounds | null;
  /** Whether a model with this `accepts`, which takes it, requires a value. */
  isNeeded: (accepts: AcceptedOptions) => boolean;
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
    isNeeded: () => false,
    absent: 0,
    recorded: { min: 0, max: 24 },
  },
  /** What FLUX dev and FLUX.2 dev were distilled with; for Ideogram 4 the weight that replaces the preset's. */
  guidance: {
    wire: "guidance",
    isWhole: false,
    bounds: ({ guidance, maxGuidance: max = 20 }) => (guidance === false ? null : { min: 1, max }),
    isNeeded: ({ guidance }) => guidance === true,
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

type Companion = {
  /** The field with its key on the wire. */
  wire: string;
  /** Its names in InvokeAI's metadata of an image. */
  recorded: readonly string[];
};

/** Models beside the main one that the server chooses: text encoders, and a folder that another model's parts are taken from. */
const companionTable = {
  t5Encoder: { wire: "t5_encoder_key", recorded: ["t5_encoder"] },
  clipEmbed: { wire: "clip_embed_key", recorded: ["clip_embed_model"] },
  qwen3Encoder: { wire: "qwen3_encoder_key", recorded: ["qwen3_encoder"] },
  qwenVlEncoder: { wire: "qwen_vl_encoder_key", recorded: ["qwen_image_qwen_vl_encoder"] },
  qwen3VlEncoder: { wire: "qwen3_vl_encoder_key", recorded: ["qwen3_vl_encoder"] },
  mistralEncoder: { wire: "mistral_encoder_key", recorded: ["mistral_encoder"] },
  componentSource: {
    wire: "component_source_key",
    recorded: ["qwen3_source", "qwen_image_component_source", "mistral_source"],
  },
} as const satisfies Record<string, Companion>;

export type CompanionName = keyof typeof companionTable;
export type CompanionKeys = { [Name in CompanionName as `${Name}Key`]?: string };
export type CompanionOnWire = (typeof companionTable)[CompanionName]["wire"];

/** The companions with their names and the names of the fields with their keys, in the order of responses. */
export const companions = Object.entries(companionTable).map(([name, companion]) => ({
  name: name as CompanionName,
  field: `${name}Key` as keyof CompanionKeys,
  wire: companion.wire as CompanionOnWire,
  recorded: companion.recorded as readonly string[],
}));

/** A kind of model that another one needs beside it. */
export type ModelNeed = {
  /** InvokeAI's type, and the bases of which it may be, best first. */
  type: string;
  bases: string[];
  /** The variants that fit, best first; a model that has none recorded comes last. Absent: any. */
  variants?: string[];
  /** The formats that fit, best first. Absent: any. */
  formats?: string[];
  /** The names of which it has to have one, where InvokeAI looks it up by its name. Absent: any. */
  names?: string[];
  /** For people: "a VAE for flux". */
  title: string;
  /** What InvokeAI's installer takes for one. */
  source: string;
};

/** A kind of model that a main model needs beside it. */
export type NeededModel = ModelNeed & { part: CompanionName | "vae" };

/** A model, as far as it matters for what it can be beside another. */
type ModelKind = {
  type: string;
  base: string;
  variant: string | null;
  format: string;
  name: string;
};

/**
 * How well a model fits a need: a lower number is better; undefined: not at all. Earlier versions of InvokeAI record no
 * variant, so such a model fits least.
 */
export function fitOf(need: ModelNeed, model: ModelKind): number | undefined {
  const { type, bases, variants, formats, names } = need;
  const variantAt =
    variants === undefined
      ? 0
      : model.variant === null
        ? variants.length
        : variants.indexOf(model.variant);
  const ranks = [
    bases.indexOf(model.base),
    variantAt,
    formats === undefined ? 0 : formats.indexOf(model.format),
    names === undefined ? 0 : names.indexOf(model.name),
  ];
  if (model.type !== type || ranks.includes(-1)) return undefined;
  return ranks.reduce((sum, rank) => sum * 100 + rank, 0);
}

/** Picks the companions' keys from other fields. */
export function companionKeysOf(fields: {
  [Name in keyof CompanionKeys]?: string | undefined;
}): CompanionKeys {
  return Object.fromEntries(
    companions.flatMap(({ field }) =>
      fields[field] === undefined ? [] : [[field, fields[field]]],
    ),
  );
}
