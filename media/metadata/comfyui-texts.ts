import { type ComfyGraph, type ComfyNode, isEdge } from "./comfyui-graph";
import { isSampler } from "./comfyui-samplers";

export type Side = "positive" | "negative";
/** The texts that a node passes to one side: an empty list means no text, undefined means unknown. */
type Texts = readonly string[] | undefined;
type Input = readonly [name: string, value: unknown];

/** Real graphs stay far below these bounds; a text beyond them counts as unknown. */
const maxDepth = 200;
const maxTexts = 100;
const maxTextLength = 20_000;
const maxAssembled = 2_000_000;

const sided =
  /^(?:text_|prompt_|base_|opt_)?(pos|neg)(?:itive|ative)?(?:_(?:text|prompt|cond|conditioning|new|default|[a-z]|\d{1,3}))*$/;
const conditioning = /^cond(?:itioning)?(?:_?(?:\d{1,3}|[a-z]|to|from|in|base|new|default))?$/;
const worded =
  /^(?:(?:user_|input_|populated_|wildcard_|multiline_|main_|edit_|full_|final_)?(?:text|prompt|string|str|value|caption|instruction)(?:_?(?:[a-z]|\d{1,3}|input|field|text|prompt|string))?|clip_[a-z]|u?m?t5(?:xxl|xl)?|llama|bert)$/;
const delimiters = /^(?:delimiter|delimeter|separator|delim|sep)$/;
/** Inputs that hold no prompt. */
const wordless =
  /^(?:opt(?:ional)?_)?(?:model|clip|vae|image|pixels|mask|latent|samples|control|style|ipadapter|insight|instant|noise|sigma|sampler|seed|width|height|steps|cfg|strength|weight|gligen|bbox|segs|audio|video|lora)/;

const emptied = /zero.?out/i;
/** Nodes that generate a text: language models, image captioning, replacements. */
const rewriting =
  /ollama|gpt|(?<![a-z])llm|llava|claude|gemini|florence|caption|interrogat|tagger|describe|vision|qwen.?vl|generate.?text|text.?generat|replace|regex|find|split|substring|slice|extract|truncat|random|shuffle|prompt.?line/i;
const choosing = /switch|select|choice|choose|toggle|branch|conditional|if.?else/i;
const joining = /combine|concat|average|merge|blend|couple|join|append|multi|\badd\b|\bsum\b/i;
const showing = /show|display|preview|view/i;

/**
 * Collects the texts upstream of an edge into `positive` or `negative`. Each node is read at most once for each side,
 * so the work is linear. A node of an unknown class with several different sources makes the text unknown.
 */
export function createTextReader(graph: ComfyGraph) {
  const known = new Map<string, Texts>();
  let assembled = 0;

  function textsOf(value: unknown, side: Side, depth: number): Texts {
    if (typeof value === "string") return value.trim() === "" ? [] : [bounded(value)];
    if (!isEdge(value)) return [];
    const node = graph.source(value);
    if (!node || depth > maxDepth || assembled > maxAssembled) return undefined;
    const key = `${side} ${node.id}`;
    if (!known.has(key)) {
      // Unknown until it is read, which ends cycles.
      known.set(key, undefined);
      known.set(key, ofNode(node, side, depth + 1));
    }
    return known.get(key);
  }

  function ofNode(node: ComfyNode, side: Side, depth: number): Texts {
    const { kind } = node;
    if (emptied.test(kind)) return [];
    if (isSampler(node) || rewriting.test(kind)) return undefined;
    const inputs = Object.entries(node.inputs)
      .map(([name, value]): Input => [name.toLowerCase(), value])
      .filter(([, value]) => typeof value === "string" || isEdge(value));
    const read = (from: readonly Input[]) =>
      allOf(from.map(([, value]) => textsOf(value, side, depth)));

    if (choosing.test(kind)) return ofChoice(node, inputs, (value) => textsOf(value, side, depth));
    const sides = inputs.filter(([name]) => sided.test(name));
    if (sides.length > 0) {
      const own = sides.filter(([name]) => side.startsWith(sided.exec(name)![1]!));
      if (own.length === 0) return undefined;
      return inOne(read(own), joining.test(kind) || own.every(([, value]) => !isEdge(value)));
    }
    const conditionings = inputs.filter(
      ([name, value]) => conditioning.test(name) && isEdge(value),
    );
    const words = wordsIn(kind, inputs);
    if (conditionings.length > 0) {
      const texts = read([...conditionings, ...words]);
      return inOne(texts, joining.test(kind) || conditionings.length === 1);
    }
    if (words.length > 0) {
      if (/encode/i.test(kind) || "clip" in node.inputs) return inOne(read(words), true);
      return joined(node, read(words), side, depth);
    }
    const others = inputs.filter(mayLeadToWords);
    return others.length === 0 ? undefined : inOne(read(others), false);
  }

  /** Joins the texts of a node in the order of their names. */
  function joined(
    node: ComfyNode,
    parts: readonly (readonly string[])[] | undefined,
    side: Side,
    depth: number,
  ): Texts {
    const said = parts?.flat();
    if (!said || said.length < 2) return said;
    if (said.length > maxTexts) return undefined;
    const between = Object.entries(node.inputs).find(([name]) =>
      delimiters.test(name.toLowerCase()),
    )?.[1];
    const isAppending = node.inputs["action"] === "append";
    if (between === undefined && !isAppending && !joining.test(node.kind)) return undefined;
    // A delimiter may be white space only; a prompt may not.
    const delimiter = isEdge(between) ? textsOf(between, side, depth)?.[0] : between;
    const tidy = node.inputs["tidy_tags"] === "yes" ? ", " : "";
    const text = said.join(
      typeof delimiter === "string" ? delimiter.replaceAll("\\n", "\n") : tidy,
    );
    return [bounded(text)];
  }

  function bounded(text: string): string {
    const kept = text.slice(0, maxTextLength);
    assembled += kept.length;
    return kept;
  }

  return (value: unknown, side: Side): string | undefined => textsOf(value, side, 0)?.join(", ");
}

/** undefined when any of them is unknown. */
function allOf(parts: readonly Texts[]): readonly (readonly string[])[] | undefined {
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

/** Each text once. Several sources count only when the node is known to use all of them. */
function inOne(parts: readonly (readonly string[])[] | undefined, usesAll: boolean): Texts {
  const said = parts?.filter((part) => part.length > 0);
  if (!said) return undefined;
  if (!usesAll && said.some((part) => !Bun.deepEquals(part, said[0]))) return undefined;
  const texts = [...new Set(said.flat())];
  return texts.length > maxTexts ? undefined : texts;
}

/** A switch passes on one of its inputs: the one selected by number, or the first that is connected. */
function ofChoice(
  { kind, inputs }: ComfyNode,
  all: readonly Input[],
  read: (value: unknown) => Texts,
) {
  const edges = all.filter(([, value]) => isEdge(value));
  const { select } = inputs;
  const chosen = typeof select === "number" ? inputs[`input${select}`] : undefined;
  if (isEdge(chosen)) return read(chosen);
  if (/any.?switch/i.test(kind)) return read(sorted(edges)[0]?.[1]);
  const candidates = all.filter(([name, value]) => isEdge(value) || worded.test(name));
  return candidates.length === 1 ? read(candidates[0]![1]) : undefined;
}

function wordsIn(kind: string, inputs: readonly Input[]): readonly Input[] {
  const words = sorted(inputs.filter(([name]) => worded.test(name)));
  // The text that such a node displays may be from an earlier run.
  if (showing.test(kind) && inputs.some(mayLeadToWords)) {
    return words.filter(mayLeadToWords);
  }
  // `populated_text` is `wildcard_text` with its wildcards resolved.
  const isPopulated = words.some(([name, value]) => name === "populated_text" && value !== "");
  return isPopulated ? words.filter(([name]) => name !== "wildcard_text") : words;
}

function mayLeadToWords([name, value]: Input): boolean {
  return isEdge(value) && !wordless.test(name);
}

function sorted(inputs: readonly Input[]): readonly Input[] {
  return inputs.toSorted(([a], [b]) => byNumber.compare(a, b));
}

const byNumber = new Intl.Collator("en", { numeric: true });
