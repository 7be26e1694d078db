import sharp from "sharp";
import type { ShownReference } from "../paint.ts";
import { imageOutput, type Inputs, type NodeDefinition, type RunContext } from "./definition.ts";
import { NodeError } from "./endings.ts";
import {
  choice,
  connection,
  type Field,
  type FieldType,
  flag,
  float,
  imageField,
  imageList,
  integer,
  modelField,
  type ValueFault,
} from "./fields.ts";
import { loadModel, type ModelIdentifier, unknownPart } from "./loaders.ts";
import { readPicture } from "./read-picture.ts";

const saved: Record<string, Field> = {
  metadata: connection("metadata", "optional"),
  board: { type: "board", input: "either", default: null },
};

/** What a node says about its picture, in the format passed along edges. */
type Condition = {
  image: { image_name: string };
  band: ShownReference["band"];
  weight: number;
  /** What else determines the pixels. */
  identity: unknown;
};

const range: Record<string, Field> = {
  begin_step_percent: float(0, { ge: 0, le: 1 }),
  end_step_percent: float(1, { ge: 0, le: 1 }),
};
const resize = {
  resize_mode: choice(
    ["just_resize", "crop_resize", "fill_resize", "just_resize_simple"],
    "just_resize",
  ),
};

/** A weight whose bounds are a rule of its own in the real server. */
function weightField(standard: number, bounds: Parameters<typeof float>[1]): Field {
  const field = float(standard, bounds);
  return {
    ...field,
    check: (value): ValueFault | undefined =>
      field.check!(value) ??
      (Number(value) < -1 || Number(value) > 2
        ? {
            type: "value_error",
            msg: "Value error, Control weights must be within -1 to 2 range",
            ctx: { error: {} },
          }
        : undefined),
  };
}

function rangeRule({ begin_step_percent: begin, end_step_percent: end }: Inputs) {
  return Number(begin) > Number(end)
    ? "Begin step percent must be less than or equal to end step percent"
    : undefined;
}

/** A node that puts a picture, the model for it and its numbers together; models are loaded by the sampler. */
function adapter(node: {
  fields: Record<string, Field>;
  output: [name: string, type: FieldType];
  outputType: string;
  model: string;
  weight: string;
  hasRule?: false;
  band: (inputs: Inputs) => Condition["band"];
  prepare?: (inputs: Inputs, context: RunContext) => void;
}): NodeDefinition {
  const [name, type] = node.output;
  return {
    fields: { image: imageField(), [node.model]: modelField(), ...node.fields },
    outputs: { [name]: type },
    outputType: node.outputType,
    ...(node.hasRule !== false && { rule: rangeRule }),
    run(inputs, context) {
      node.prepare?.(inputs, context);
      const { begin_step_percent: begin, end_step_percent: end } = inputs;
      const condition: Condition & { model: ModelIdentifier } = {
        image: inputs.image as Condition["image"],
        band: node.band(inputs),
        weight: Number(inputs[node.weight]),
        identity: [inputs.type, (inputs[node.model] as ModelIdentifier).hash, begin, end],
        model: inputs[node.model] as ModelIdentifier,
      };
      return { [name]: condition };
    },
  };
}

const encoderNames: Readonly<Record<string, string>> = {
  "ViT-H": "IP Adapter SD1.5 Image Encoder",
  "ViT-G": "IP Adapter SDXL Image Encoder",
  "ViT-L": "clip-vit-large-patch14",
};

/** The real server fetches a model that it lacks; this one has no network. */
function needModel(context: RunContext, type: string, name: string): void {
  const found = context.models.list().some((model) => model.type === type && model.name === name);
  if (!found) throw new NodeError("ConnectionError", `${name} cannot be fetched: no network`);
}

function needAdapter(context: RunContext, model: unknown, type: string): void {
  loadModel(context, model, type, unknownPart);
}

const controlNet = (type: FieldType, fields: Record<string, Field>, outputType: string) =>
  adapter({
    fields: { control_weight: weightField(1, { ge: -1, le: 2 }), ...range, ...resize, ...fields },
    output: ["control", type],
    outputType,
    model: "control_model",
    weight: "control_weight",
    band: () => "control",
  });

/** Makes a control map; a picture of edges shows that it was run. */
function preprocessor(fields: Record<string, Field>, needsWeights = false): NodeDefinition {
  return {
    fields: { image: imageField(), ...fields, ...saved },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const picture = await readPicture(context, inputs.image);
      if (needsWeights) throw new NodeError("ConnectionError", "no network to fetch weights from");
      const map = sharp(picture)
        .removeAlpha()
        .greyscale()
        .convolve({ width: 3, height: 3, kernel: [-1, -1, -1, -1, 8, -1, -1, -1, -1] })
        .toColourspace("srgb");
      return context.saveImage(await map.png().toBuffer(), inputs);
    },
  };
}

/** Pictures that condition an image, besides its source. */
export const referenceNodes: Record<string, NodeDefinition> = {
  controlnet: controlNet(
    "control",
    {
      control_mode: choice(["balanced", "more_prompt", "more_control", "unbalanced"], "balanced"),
    },
    "control_output",
  ),
  flux_controlnet: controlNet(
    "flux_control",
    { instantx_control_mode: { ...integer(-1), default: -1 } },
    "flux_controlnet_output",
  ),
  z_image_control: adapter({
    fields: { control_context_scale: float(0.75, { ge: 0, le: 2 }), ...range },
    output: ["control", "z_image_control"],
    outputType: "z_image_control_output",
    model: "control_model",
    weight: "control_context_scale",
    hasRule: false,
    band: () => "control",
  }),
  t2i_adapter: adapter({
    fields: { weight: weightField(1, { ge: 0 }), ...range, ...resize },
    output: ["t2i_adapter", "t2i_adapter"],
    outputType: "t2i_adapter_output",
    model: "t2i_adapter_model",
    weight: "weight",
    band: () => "control",
  }),
  ip_adapter: adapter({
    fields: {
      clip_vision_model: choice(["ViT-H", "ViT-G", "ViT-L"], "ViT-H"),
      weight: weightField(1, {}),
      method: choice(["full", "style", "composition", "style_strong", "style_precise"], "full"),
      ...range,
    },
    output: ["ip_adapter", "ip_adapter"],
    outputType: "ip_adapter_output",
    model: "ip_adapter_model",
    weight: "weight",
    band: ({ method }) => (method === "composition" ? "composition" : "style"),
    prepare({ clip_vision_model, ip_adapter_model }, context) {
      needAdapter(context, ip_adapter_model, "ip_adapter");
      needModel(context, "clip_vision", encoderNames[String(clip_vision_model)]!);
    },
  }),
  flux_ip_adapter: adapter({
    fields: {
      clip_vision_model: choice(["ViT-L"], "ViT-L"),
      weight: weightField(1, {}),
      ...range,
    },
    output: ["ip_adapter", "ip_adapter"],
    outputType: "ip_adapter_output",
    model: "ip_adapter_model",
    weight: "weight",
    band: () => "style",
    prepare({ ip_adapter_model }, context) {
      needAdapter(context, ip_adapter_model, "ip_adapter");
      needModel(context, "clip_vision", encoderNames["ViT-L"]!);
    },
  }),
  flux_redux: adapter({
    fields: {
      downsampling_factor: integer(1, { ge: 1, le: 9 }),
      downsampling_function: choice(
        ["nearest", "bilinear", "bicubic", "area", "nearest-exact"],
        "area",
      ),
      weight: float(1, { ge: 0, le: 1 }),
    },
    output: ["redux_cond", "flux_redux"],
    outputType: "flux_redux_output",
    model: "redux_model",
    weight: "weight",
    hasRule: false,
    band: () => "style",
    prepare({ redux_model }, context) {
      needAdapter(context, redux_model, "flux_redux");
      needModel(context, "siglip", "SigLIP - google/siglip-so400m-patch14-384");
    },
  }),
  flux_kontext: {
    fields: { image: imageField() },
    outputs: { kontext_cond: "flux_kontext" },
    outputType: "flux_kontext_output",
    run: ({ image }) => ({
      kontext_cond: { image, band: "edit", weight: 1, identity: ["flux_kontext"] },
    }),
  },
  flux_kontext_image_prep: {
    fields: {
      images: imageList("required"),
      use_preferred_resolution: flag(true),
      ...saved,
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const [image] = inputs.images as unknown[];
      const fitted = sharp(await readPicture(context, image)).resize(256, 256, {
        fit: "fill",
      });
      return context.saveImage(await fitted.png().toBuffer(), inputs);
    },
  },
  canny_edge_detection: preprocessor({
    low_threshold: integer(100, { ge: 0, le: 255 }),
    high_threshold: integer(200, { ge: 0, le: 255 }),
  }),
  content_shuffle: preprocessor({ scale_factor: integer(256, { ge: 0 }) }),
  color_map: preprocessor({ tile_size: integer(64, { ge: 1 }) }),
  mediapipe_face_detection: preprocessor({
    max_faces: integer(1, { ge: 1 }),
    min_confidence: float(0.5, { ge: 0, le: 1 }),
  }),
  depth_anything_depth_estimation: preprocessor(
    { model_size: choice(["large", "base", "small", "small_v2"], "small_v2") },
    true,
  ),
  dw_openpose_detection: preprocessor(
    { draw_body: flag(true), draw_face: flag(false), draw_hands: flag(false) },
    true,
  ),
  hed_edge_detection: preprocessor({ scribble: flag(false) }, true),
  lineart_edge_detection: preprocessor({ coarse: flag(false) }, true),
  lineart_anime_edge_detection: preprocessor({}, true),
  mlsd_detection: preprocessor(
    { score_threshold: float(0.1, { ge: 0 }), distance_threshold: float(20, { ge: 0 }) },
    true,
  ),
  normal_map: preprocessor({}, true),
  pidi_edge_detection: preprocessor({ quantize_edges: flag(false), scribble: flag(false) }, true),
};

/** The inputs of samplers for references, and the models that each takes: of these types, and of the sampler's base. */
const modelTypes: Readonly<Record<string, string>> = {
  control: "controlnet",
  t2i_adapter: "t2i_adapter",
  ip_adapter: "ip_adapter",
  redux_conditioning: "flux_redux",
};

/**
 * The pictures that a sampler was given to condition the image, and what else of them determines the pixels.
 * @param base of the model that samples
 */
export async function referencesOf(
  inputs: Record<string, unknown>,
  base: string,
  context: RunContext,
): Promise<{ references: ShownReference[]; identity: unknown[] }> {
  const references: ShownReference[] = [];
  const identity: unknown[] = [];
  for (const name of [...Object.keys(modelTypes), "kontext_conditioning"]) {
    const given = inputs[name] == null ? [] : [inputs[name]].flat();
    for (const condition of given as (Condition & { model?: ModelIdentifier })[]) {
      const type = modelTypes[name];
      if (type !== undefined) {
        const model = loadModel(context, condition.model, type, unknownPart);
        if (model.base !== base) {
          throw new NodeError("ValueError", `'${String(model.name)}' is not for ${base}.`);
        }
      }
      const { band, weight } = condition;
      references.push({ band, weight, bytes: await readPicture(context, condition.image) });
      identity.push(condition.identity, weight);
    }
  }
  return { references, identity };
}
