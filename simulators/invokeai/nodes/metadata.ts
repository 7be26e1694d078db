import { anything, choice, flag, float, integer, text, type Field } from "./fields.ts";
import type { NodeDefinition } from "./definition.ts";

const prefixes = [
  "",
  "sdxl_",
  "flux_",
  "flux2_",
  "sd3_",
  "cogview4_",
  "z_image_",
  "qwen_image_",
  "anima_",
];
const modesOf = (prefix: string) =>
  ["txt2img", "img2img", "inpaint", "outpaint"].map((mode) => prefix + mode);

/** Those that only version 6.14 of the API knows. */
export const newModes: readonly string[] = [
  ...["krea2_", "wan_"].flatMap(modesOf),
  "wan_i2v",
  "ernie_image_txt2img",
  "ideogram4_txt2img",
];
const generationModes = [...prefixes.flatMap(modesOf), ...newModes];

const optional = (field: Field): Field => ({
  ...field,
  default: null,
  check: (value) => (value === null ? undefined : field.check?.(value)),
});

/** The generation's metadata; it keeps all fields, known or not. */
export const metadataNodes: Record<string, NodeDefinition> = {
  core_metadata: {
    open: true,
    fields: {
      generation_mode: choice(generationModes, null),
      positive_prompt: text(null),
      negative_prompt: text(null),
      width: optional(integer(undefined)),
      height: optional(integer(undefined)),
      seed: optional(integer(undefined)),
      rand_device: text(null),
      cfg_scale: optional(float(undefined)),
      cfg_rescale_multiplier: optional(float(undefined)),
      steps: optional(integer(undefined)),
      scheduler: text(null),
      clip_skip: optional(integer(undefined)),
      model: anything("model"),
      loras: anything("collection"),
      strength: optional(float(undefined)),
      hrf_enabled: optional(flag(false)),
      hrf_method: text(null),
      hrf_strength: optional(float(undefined)),
      init_image: text(null),
      vae: anything("model"),
    },
    outputs: { metadata: "metadata" },
    outputType: "metadata_output",
    run({ id: _id, type: _type, is_intermediate: _intermediate, use_cache: _cache, ...record }) {
      const known = Object.entries(record).filter(([, value]) => value !== null);
      return { metadata: { ...Object.fromEntries(known), app_version: "6.14.2" } };
    },
  },
};
