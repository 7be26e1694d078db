import { lorasIn } from "./a1111";
import { type ComfyGraph, type ComfyNode, inputOf, soleEdge } from "./comfyui-graph";
import { valueOf } from "./comfyui-values";
import { isObject } from "./json-object";
import { fileStem } from "./model-file";
import { floatIn } from "./python-float";

type Lora = { name: unknown; weight: unknown };

/** More than any real picture uses. */
const maxLoras = 20;
const maxSlots = 100;
const maxNodes = 500;

const fileNames = ["ckpt_name", "base_ckpt_name", "unet_name", "gguf_name", "checkpoint"];
/** Inputs between model and sampler that name other files. */
const looseNames = ["model_path", "model_name"];
/** The first model of a merge is the base that the others are merged into. */
const modelNames = ["model", "model1", "model_1", "model_a", "base_model", "opt_model"];
const stackNames = ["lora_stack", "optional_lora_stack", "prev_lora_stack", "loras"];
const pipeNames = ["pipe", "basic_pipe", "sdxl_tuple", "base_ctx", "ctx", "context"];

/** The name of the file from which a value's model was loaded. */
export function modelName(graph: ComfyGraph, model: unknown): string | undefined {
  const file = graph.follow(model, (node) => fileOf(graph, node), nextModel);
  return fileStem(file);
}

/** The LoRAs between model and sampler, in the order in which they are applied. */
export function lorasOf(graph: ComfyGraph, model: unknown): readonly Lora[] {
  const loras: Lora[] = [];
  const passed = new Set<ComfyNode>();
  const collect = (node: ComfyNode) => {
    if (passed.has(node) || passed.size >= maxNodes) return node;
    passed.add(node);
    loras.unshift(...lorasOfNode(graph, node));
    return loras.length >= maxLoras ? node : undefined;
  };
  graph.follow(
    model,
    (node) => {
      const full = collect(node);
      return full ?? graph.follow(stackOf(node), collect, stackOf);
    },
    (node) => (fileOf(graph, node) === undefined ? nextModel(node) : undefined),
  );
  return loras.slice(0, maxLoras);
}

function nextModel(node: ComfyNode): unknown {
  return inputOf(node, modelNames) ?? inputOf(node, pipeNames) ?? soleEdge(node);
}

function stackOf(node: ComfyNode): unknown {
  return inputOf(node, stackNames);
}

function fileOf(graph: ComfyGraph, node: ComfyNode): string | undefined {
  const isBetween = inputOf(node, modelNames) !== undefined;
  const names = isBetween ? fileNames : [...fileNames, ...looseNames];
  const name = names.find((candidate) => node.inputs[candidate] !== undefined);
  return name === undefined ? undefined : textIn(valueOf(graph, node.inputs[name], name));
}

/** A name is a string, or an object that also holds a preview. */
function textIn(value: unknown): string | undefined {
  const text = isObject(value) ? value["content"] : value;
  return typeof text === "string" ? text : undefined;
}

function lorasOfNode(graph: ComfyGraph, node: ComfyNode): readonly Lora[] {
  if (node.inputs["toggle"] === false || node.inputs["toggle"] === "False") return [];
  const listed = [...objectsIn(node), ...slotsIn(graph, node)];
  const { text, populated_text: populated } = node.inputs;
  const tagged = listed.length === 0 && "model" in node.inputs ? (populated ?? text) : undefined;
  return typeof tagged === "string" ? lorasIn(tagged) : listed;
}

/** LoRAs that are objects, each in its own input or all in one list. */
function objectsIn({ inputs }: ComfyNode): Lora[] {
  const { loras } = inputs;
  const list = isObject(loras) ? loras["__value__"] : loras;
  const objects = [...Object.values(inputs), ...(Array.isArray(list) ? list : [])];
  return objects.slice(0, maxSlots).flatMap((entry): Lora[] => {
    if (!isObject(entry)) return [];
    const { lora, name, strength, on, active } = entry;
    const file = fileStem(lora ?? name);
    if (file === undefined || strength === undefined || on === false || active === false) return [];
    return isNone(file) ? [] : [{ name: file, weight: floatIn(strength) }];
  });
}

/**
 * LoRAs given as inputs with a common number, such as `lora_name_2`, `model_weight_2`, `switch_2`, or without a
 * number.
 */
function slotsIn(graph: ComfyGraph, node: ComfyNode): Lora[] {
  const { inputs } = node;
  const count = Number(inputs["lora_count"] ?? inputs["num_loras"] ?? maxSlots);
  const isSimple = inputs["input_mode"] === "simple" || inputs["mode"] === "simple";
  const slots = Object.keys(inputs).flatMap((name) => {
    const found = /^lora(?:_name)?(?:_?(\d{1,3}))?$|^lora_(\d{1,3})_name$/.exec(name);
    return found ? [{ name, number: found[1] ?? found[2] ?? "" }] : [];
  });
  return slots.slice(0, maxSlots).flatMap(({ name, number }): Lora[] => {
    const file = fileStem(textIn(valueOf(graph, inputs[name], name)));
    if (file === undefined || isNone(file) || Number(number) > count) return [];
    const of = (field: string) =>
      number === ""
        ? inputs[field]
        : (inputs[`${field}_${number}`] ??
          inputs[`${field}${number}`] ??
          inputs[`lora_${number}_${field}`]);
    if (["switch", "on", "enabled", "enable"].some((field) => isOff(of(field)))) return [];
    const fields = isSimple ? [...simpleWeights, ...weights] : [...weights, ...simpleWeights];
    const weight = fields.map(of).find((value) => value !== undefined);
    return [{ name: file, weight: floatIn(valueOf(graph, weight, "strength")) }];
  });
}

const weights = [
  "strength_model",
  "model_strength",
  "lora_model_strength",
  "model_str",
  "model_weight",
];
const simpleWeights = ["lora_wt", "strength", "weight", "lora_strength", "lora_weight", "wt"];

function isOff(value: unknown): boolean {
  return value === false || (typeof value === "string" && /^(?:off|false)$/i.test(value));
}

function isNone(file: string): boolean {
  return /^(?:none|)$/i.test(file);
}
