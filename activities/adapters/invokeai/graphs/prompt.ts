import type { GraphBuilder, promptNodes } from "./graph";

/**
 * A prompt, verbatim, and its encoder: `inputs` maps the encoder's other inputs to their sources, `texts` are its inputs
 * for the prompt, `into` is the sampler's input.
 */
export function addPrompt(
  graph: GraphBuilder,
  prompt: {
    name: (typeof promptNodes)[number];
    text: string;
    encoder: string;
    inputs: Readonly<Record<string, string>>;
    texts: readonly string[];
    into: string;
    /** A node that makes the encoder's text of the prompt. */
    captioner?: string;
    /** Through a `collect` node, where the input takes a list. */
    isCollected?: boolean;
  },
): void {
  const { name } = prompt;
  graph.node(name, "string", { value: prompt.text });
  graph.node(`${name}c`, prompt.encoder);
  for (const [input, from] of Object.entries(prompt.inputs)) {
    graph.connect(from, `${name}c.${input}`);
  }
  const { captioner } = prompt;
  const text = captioner === undefined ? `${name}.value` : `${name}cap.value`;
  if (captioner !== undefined) {
    graph.node(`${name}cap`, captioner);
    graph.connect(`${name}.value`, `${name}cap.prompt`);
  }
  for (const input of prompt.texts) graph.connect(text, `${name}c.${input}`);
  if (!prompt.isCollected) {
    graph.connect(`${name}c.conditioning`, `denoise.${prompt.into}`);
    return;
  }
  graph.node(`${name}cc`, "collect");
  graph.connect(`${name}c.conditioning`, `${name}cc.item`);
  graph.connect(`${name}cc.collection`, `denoise.${prompt.into}`);
}
