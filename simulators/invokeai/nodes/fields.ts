/** The types of edges: equal types fit, `integer` also fits `float`, `any` fits all. */
export type FieldType =
  | "integer"
  | "float"
  | "string"
  | "boolean"
  | "image"
  | "model"
  | "board"
  | "color"
  | "metadata"
  | "unet"
  | "clip"
  | "vae"
  | "transformer"
  | "t5_encoder"
  | "glm_encoder"
  | "qwen3_encoder"
  | "qwen_vl_encoder"
  | "qwen3_vl_encoder"
  | "mistral_encoder"
  | "mistral3_encoder"
  | "wan_transformer"
  | "wan_t5_encoder"
  | "prompt_enhancer"
  | "conditioning"
  | "flux_conditioning"
  | "sd3_conditioning"
  | "cogview4_conditioning"
  | "z_image_conditioning"
  | "qwen_image_conditioning"
  | "anima_conditioning"
  | "krea2_conditioning"
  | "ernie_image_conditioning"
  | "ideogram4_conditioning"
  | "wan_conditioning"
  | "latents"
  | "denoise_mask"
  | "mask"
  | "fill_conditioning"
  | "control"
  | "flux_control"
  | "control_lora"
  | "z_image_control"
  | "t2i_adapter"
  | "ip_adapter"
  | "flux_redux"
  | "flux_kontext"
  | "image_list"
  | "lora"
  | "any"
  | "collection";

/** A validation error in the real server's words. */
export type ValueFault = {
  type: string;
  msg: string;
  ctx?: Record<string, unknown>;
  /** The key of the object's invalid property. */
  at?: string;
};

export type Field = {
  type: FieldType;
  /** `connection`: only an edge can set it. `either`: an edge or a literal. */
  input: "connection" | "either";
  /** undefined: required when the node runs. */
  default?: unknown;
  /** For the description of the API. */
  range?: Range;
  choices?: readonly string[];
  check?: (value: unknown) => ValueFault | undefined;
};

/** A value that must come from an edge; an `optional` one may be missing. */
export function connection(type: FieldType, optional: "optional" | "required" = "required"): Field {
  return optional === "optional"
    ? { type, input: "connection", default: null }
    : { type, input: "connection" };
}

type Range = { ge?: number; gt?: number; le?: number; lt?: number; multipleOf?: number };

/** A whole number; numeric strings are accepted, as by the real validator. */
export function integer(standard: number | undefined, range: Range = {}): Field {
  return numeric("integer", standard, range, (value) =>
    Number.isInteger(value)
      ? undefined
      : {
          type: "int_from_float",
          msg: "Input should be a valid integer, got a number with a fractional part",
        },
  );
}

export function float(standard: number | undefined, range: Range = {}): Field {
  return numeric("float", standard, range, () => undefined);
}

function numeric(
  type: "integer" | "float",
  standard: number | undefined,
  range: Range,
  checkKind: (value: number) => ValueFault | undefined,
): Field {
  return {
    type,
    input: "either",
    ...(standard === undefined ? {} : { default: standard }),
    range,
    check(value) {
      const isNumeric = typeof value === "number" || (typeof value === "string" && value !== "");
      const number = isNumeric ? Number(value) : Number.NaN;
      if (Number.isNaN(number)) {
        const short = type === "integer" ? "int" : "float";
        return { type: `${short}_type`, msg: `Input should be a valid ${type}` };
      }
      return checkKind(number) ?? checkRange(number, range);
    },
  };
}

function checkRange(value: number, range: Range): ValueFault | undefined {
  const fault = (type: string, words: string, name: string, bound: number): ValueFault => ({
    type,
    msg: `Input should be ${words} ${bound}`,
    ctx: { [name]: bound },
  });
  const { ge, gt, le, lt, multipleOf } = range;
  if (multipleOf !== undefined && value % multipleOf !== 0)
    return fault("multiple_of", "a multiple of", "multiple_of", multipleOf);
  if (ge !== undefined && value < ge)
    return fault("greater_than_equal", "greater than or equal to", "ge", ge);
  if (gt !== undefined && value <= gt) return fault("greater_than", "greater than", "gt", gt);
  if (le !== undefined && value > le)
    return fault("less_than_equal", "less than or equal to", "le", le);
  if (lt !== undefined && value >= lt) return fault("less_than", "less than", "lt", lt);
  return undefined;
}

export function text(standard: string | null | undefined): Field {
  return {
    type: "string",
    input: "either",
    ...(standard === undefined ? {} : { default: standard }),
    check: (value) =>
      typeof value === "string" || (value === null && standard === null)
        ? undefined
        : { type: "string_type", msg: "Input should be a valid string" },
  };
}

export function flag(standard: boolean): Field {
  return {
    type: "boolean",
    input: "either",
    default: standard,
    check: (value) =>
      typeof value === "boolean"
        ? undefined
        : { type: "bool_type", msg: "Input should be a valid boolean" },
  };
}

/** One of `allowed`; without a default it is optional. */
export function choice(allowed: readonly string[], standard: string | null): Field {
  const expected = allowed.map((word) => `'${word}'`).join(", ");
  return {
    type: "string",
    input: "either",
    default: standard,
    choices: allowed,
    check: (value) =>
      (typeof value === "string" && allowed.includes(value)) ||
      (value === null && standard === null)
        ? undefined
        : { type: "literal_error", msg: `Input should be ${expected}`, ctx: { expected } },
  };
}

/** An object with all of these keys. */
function object(type: FieldType, keys: readonly string[], need: "required" | "optional"): Field {
  return {
    type,
    input: "either",
    ...(need === "optional" ? { default: null } : {}),
    check(value) {
      if (value === null && need === "optional") return undefined;
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        return { type: "model_type", msg: "Input should be a valid dictionary or object" };
      }
      const missing = keys.find((key) => !(key in value));
      return missing === undefined
        ? undefined
        : { type: "missing", msg: "Field required", at: missing };
    },
  };
}

export const imageField = (need: "required" | "optional" = "required") =>
  object("image", ["image_name"], need);

export const modelField = (need: "required" | "optional" = "required") =>
  object("model", ["key", "hash", "name", "base", "type"], need);

/** A list of pictures, from an edge or as a literal. */
export function imageList(need: "required" | "optional"): Field {
  const { check } = imageField();
  return {
    type: "image_list",
    input: "either",
    ...(need === "optional" ? { default: [] } : {}),
    check(value) {
      if (!Array.isArray(value)) return { type: "list_type", msg: "Input should be a valid list" };
      if (need === "required" && value.length === 0) {
        return { type: "too_short", msg: "List should have at least 1 item after validation" };
      }
      return value.map((each) => check!(each)).find((fault) => fault !== undefined);
    },
  };
}

/** A value that is not validated. */
export function anything(type: FieldType): Field {
  return { type, input: "either", default: null };
}
