import { describe, expect, test } from "bun:test";
import { readNodeCatalogue } from "#activities/adapters/invokeai/node-catalogue";
import type { AppError } from "#errors";
import { bindRecipe } from "#recipes/bind";
import { checkTemplate } from "#recipes/check-template";
import { completeInputs } from "#recipes/complete-inputs";
import { convertWorkflow } from "#recipes/convert";
import { preprocessors } from "#generation-references";
import { ruleOf } from "#recipes/node-rules";
import type { RecipeTemplate } from "#recipes/recipe";
import { describeNodes } from "#simulators/invokeai/node-schemas";
import { isStorableJson } from "#storable-text";
import { libraryWorkflows } from "#simulators/invokeai/workflow-library";

// oxlint-disable-next-line typescript/no-explicit-any -- a workflow from a file may have any shape
type Json = any;

const catalogue = readNodeCatalogue({ components: { schemas: describeNodes() } });
const workflow = (id: string): Json =>
  structuredClone(libraryWorkflows.find((one) => one.id === `default_${id}`));
const convert = (value: unknown, allowed: string[] = []) =>
  convertWorkflow(value, catalogue, allowed).template;
const nodeOf = (value: Json, id: string): Json => value.nodes.find((one: Json) => one.id === id);

/** The error of a refused workflow, as text. */
function refusal(value: unknown, allowed: string[] = []): string {
  try {
    convert(value, allowed);
  } catch (error) {
    return JSON.stringify([(error as AppError).message, (error as AppError).details]);
  }
  throw new Error("it was converted");
}

/** The graph of a template, with models and images named by their values. */
const graphOf = (template: RecipeTemplate, values: Record<string, Json> = {}, outputs?: string[]) =>
  bindRecipe(template, {
    values,
    seeds: template.inputs.flatMap(({ id, role }) => (role === "seed" ? [id] : [])),
    outputs: outputs ?? template.outputs,
    names: { seed: "seed", slot: "slot" },
    model: (key) => ({ key, hash: "h", name: "n", base: "sd-1", type: "main" }),
    imageName: (id) => `${id}.png`,
  });

describe("a converted workflow", () => {
  test("shows its inputs in its own order, with types, ranges and roles", () => {
    const { inputs } = convert(workflow("text-to-image"));
    expect(inputs.map(({ kind, role }) => [kind, role])).toEqual([
      ["model", "model"],
      ["string", "prompt"],
      ["string", "negative"],
      ["integer", "width"],
      ["integer", "height"],
      ["integer", null],
    ]);
    expect(inputs[1]).toMatchObject({
      label: "Positive Prompt: Prompt",
      default: "a quiet harbour",
    });
    expect(inputs[3]).toMatchObject({ default: 512, above: 0, multipleOf: 8 });
  });

  test("reads a form instead of the exposed fields, from top to bottom, with the author's bounds", () => {
    const field = (nodeId: string, fieldName: string, settings?: Json) => ({
      type: "node-field",
      data: { fieldIdentifier: { nodeId, fieldName }, settings },
    });
    const form = {
      rootElementId: "root",
      elements: {
        root: { type: "container", data: { children: ["b", "inner", "root", "gone"] } },
        inner: { type: "container", data: { children: ["a"] } },
        a: field("positive", "prompt"),
        b: field("denoise", "steps", { component: "slider", min: 2, max: 12 }),
      },
    };
    const { inputs } = convert({ ...workflow("text-to-image"), form });
    expect(inputs.map(({ label }) => label)).toEqual([
      "Denoise latents: Steps",
      "Positive Prompt: Prompt",
      "Main model loader: Model",
    ]);
    expect(inputs[0]).toMatchObject({ min: 2, max: 12 });
  });

  test("gets its seed from the batch in place of a random number, and every value as a literal", () => {
    const template = convert(workflow("text-to-image"));
    expect(Object.values(template.nodes).map(({ type }) => type)).not.toContain("rand_int");
    const [prompt] = template.inputs.filter(({ role }) => role === "prompt");
    const { nodes, edges } = graphOf(template, { [prompt!.id]: "a gull" });
    const [node = "", field = ""] = prompt!.id.split(".");
    expect(nodes[node]?.[field]).toBe("a gull");
    const seeded = edges.filter(({ source }) => source.node_id === "seed");
    expect(seeded.map(({ destination }) => nodes[destination.node_id]?.type)).toEqual(["noise"]);
    expect(nodes["out"]).toMatchObject({ is_intermediate: false, use_cache: false });
    const others = Object.values(nodes).filter(({ id }) => id !== "out");
    expect(others.every(({ is_intermediate }) => is_intermediate === true)).toBe(true);
  });

  test("does not keep the models and images of the server on which it was made", () => {
    const text = JSON.stringify(convert(workflow("text-to-image")).nodes);
    expect(text).not.toContain("another-server");
    const photo = workflow("soften");
    nodeOf(photo, "photo").data.inputs.image.value = { image_name: "theirs.png" };
    const template = convert(photo);
    expect(JSON.stringify(template)).not.toContain("theirs.png");
    expect(template.inputs[0]).toMatchObject({ kind: "image", role: "source", isRequired: true });
  });

  test("leaves out notes, collapsed edges and connectors, whose edges go through", () => {
    const value = workflow("soften");
    value.nodes.push({ id: "note", type: "notes", data: { notes: "x" } });
    value.nodes.push({ id: "c1", type: "connector", data: {} });
    value.nodes.push({ id: "c2", type: "connector", data: {} });
    const edge = (source: string, target: string, handles: [string, string]) => ({
      type: "default",
      source,
      target,
      sourceHandle: handles[0],
      targetHandle: handles[1],
    });
    value.edges = [
      edge("photo", "c1", ["image", "in"]),
      edge("c1", "c2", ["out", "in"]),
      edge("c2", "soft", ["out", "image"]),
      { type: "collapsed", source: "photo", target: "soft" },
    ];
    expect(convert(value).edges).toEqual(convert(workflow("soften")).edges);
  });

  test("with connectors in a circle is refused or loses them, but never hangs", () => {
    const value = workflow("soften");
    value.nodes.push({ id: "c1", type: "connector" }, { id: "c2", type: "connector" });
    const edge = (source: string, target: string) => ({
      source,
      target,
      sourceHandle: "out",
      targetHandle: "in",
    });
    value.edges.push(edge("c1", "c2"), edge("c2", "c1"));
    value.edges.push({ ...edge("c1", "soft"), targetHandle: "radius" });
    expect(convert(value).edges).toHaveLength(1);
  });

  test("names all its outputs, and makes only those that are asked for", () => {
    const template = convert(workflow("two-looks"));
    expect(template.outputs).toEqual(["out", "out_1"]);
    const types = (outputs?: string[]) =>
      Object.values(graphOf(template, {}, outputs).nodes).map(({ type }) => type);
    expect(types()).toEqual(expect.arrayContaining(["save_image", "img_blur"]));
    expect(types(["out_1"])).toContain("img_blur");
    expect(types(["out_1"])).not.toContain("save_image");
  });

  test("says that its number of pictures is not known where an iterator stands before its output", () => {
    expect(convert(workflow("row")).isOpenEnded).toBe(true);
    expect(convert(workflow("two-looks")).isOpenEnded).toBe(false);
    const collected = workflow("row");
    collected.nodes.push({ id: "all", type: "invocation", data: { type: "collect", inputs: {} } });
    // Its output is now a list that nothing draws.
    expect(convert(collected).isOpenEnded).toBe(true);
  });

  test("has no role where a value only counts on its way to a seed", () => {
    const { inputs } = convert(workflow("row"));
    expect(inputs.map(({ label, role }) => [label, role])).toEqual([
      ["Main model loader: Model", "model"],
      ["Positive Prompt: Prompt", "prompt"],
      ["Row: Stop", null],
    ]);
  });

  test("as a graph of the API has its prompts, sizes and models as inputs", () => {
    const template = convert(workflow("text-to-image"));
    const defaults = template.inputs.map(({ id, default: value }) => [id, value]);
    const bound = graphOf(template, Object.fromEntries(defaults));
    // As InvokeAI records it.
    bound.nodes["out"]!["metadata"] = null;
    const again = convert(bound);
    expect(again.outputs).toEqual(["out"]);
    expect(again.inputs.map(({ role }) => role)).toEqual(
      expect.arrayContaining(["model", "width", "height"]),
    );
  });
});

describe("a workflow is refused", () => {
  const withNode = (data: Json, base = "text-to-image"): Json => {
    const value = workflow(base);
    value.nodes.push({ id: "extra", type: "invocation", data: { inputs: {}, ...data } });
    return value;
  };

  test("by the name of a node that reads files, whatever its title is", () => {
    expect(refusal(workflow("prompts-from-file"))).toContain(
      'The node \\"My prompts\\" (prompt_from_file) is refused: it reads files',
    );
    const renamed = withNode({ type: "prompt_from_file", label: "l2i", nodePack: "invokeai" });
    expect(refusal(renamed)).toContain("reads files");
  });

  test("even if the node is not connected, or the owner allows its type", () => {
    expect(refusal(withNode({ type: "save_image_to_file" }))).toContain("writes files");
    expect(
      refusal(withNode({ type: "openai_image_generation" }), ["openai_image_generation"]),
    ).toContain("costs money");
    expect(refusal(withNode({ type: "call_saved_workflow" }))).toContain("another stored workflow");
  });

  test.each(["image_batch", "string_batch", "integer_batch", "float_batch", "string_generator"])(
    "with the batch node %s",
    (type) => {
      expect(refusal(withNode({ type }))).toContain("several runs of one");
    },
  );

  test("with a node of an extension, unless the owner allows its type", () => {
    const schemas = describeNodes();
    schemas["X"] = { ...schemas["ImgBlurInvocation"], node_pack: "somebodys-nodes" };
    (schemas["X"] as Json).properties = {
      ...(schemas["X"] as Json).properties,
      type: { const: "their_blur" },
    };
    const extended = readNodeCatalogue({ components: { schemas } });
    const value = workflow("soften");
    nodeOf(value, "soft").data.type = "their_blur";
    // The workflow's own word does not count.
    nodeOf(value, "soft").data.nodePack = "invokeai";
    expect(() => convertWorkflow(value, extended, [])).toThrow("generation.allowed_node_types");
    const { template } = convertWorkflow(value, extended, ["their_blur"]);
    expect(template.nodes["out"]?.type).toBe("their_blur");
    expect(checkTemplate(template, extended, [])).toContain("their_blur");
  });

  test("with a node that an extension has put in place of one of InvokeAI's own", () => {
    const schemas = describeNodes();
    schemas["ImgBlurInvocation"] = {
      ...schemas["ImgBlurInvocation"],
      node_pack: "somebodys-nodes",
    };
    const extended = readNodeCatalogue({ components: { schemas } });
    expect(() => convertWorkflow(workflow("soften"), extended, [])).toThrow("extension");
  });

  test("with a node type that InvokeAI no longer has", () => {
    expect(refusal(withNode({ type: "canny_image_processor", label: "Edges" }))).toContain(
      'InvokeAI has no node type for \\"Edges\\" (canny_image_processor)',
    );
  });

  test("with more than 500 nodes, an unreadable value, a circle or no picture", () => {
    const large = workflow("soften");
    for (let n = 0; n < 500; n += 1) {
      large.nodes.push({ id: `n${n}`, type: "invocation", data: { type: "string", inputs: {} } });
    }
    expect(refusal(large)).toContain("more than 500 nodes");
    const list = workflow("soften");
    nodeOf(list, "soft").data.inputs.radius.value = [1, 2];
    expect(refusal(list)).toContain("in radius something else than a number");
    const circle = workflow("soften");
    circle.edges.push({
      source: "soft",
      sourceHandle: "image",
      target: "photo",
      targetHandle: "image",
    });
    expect(refusal(circle)).toContain("circle");
    const none = workflow("soften");
    none.nodes = none.nodes.filter((one: Json) => one.id === "photo");
    expect(refusal(none)).toContain("makes no picture");
    for (const value of [null, [], 1, "x", {}, { nodes: [] }, { nodes: [null] }, { nodes: {} }]) {
      expect(refusal(value)).toContain("workflow");
    }
  });

  test("if it names an image of another server where no input can take its place", () => {
    const value = workflow("soften");
    nodeOf(value, "soft").data.inputs.radius.value = { image_name: "theirs.png" };
    expect(refusal(value)).toContain("radius");
  });

  test("by its last value, if a key stands in it twice", () => {
    const text = JSON.stringify(workflow("soften"));
    const twice = (first: string, last: string) =>
      JSON.parse(text.replace('"type":"img_blur"', `"type":"${first}","type":"${last}"`));
    expect(refusal(twice("img_blur", "prompt_from_file"))).toContain("reads files");
    const template = convert(twice("prompt_from_file", "img_blur"));
    expect(JSON.stringify(template)).not.toContain("prompt_from_file");
  });
});

test("a template from an archive is checked for its nodes and values before it runs", () => {
  const template = convert(workflow("soften"));
  const changed = (change: (copy: RecipeTemplate) => void) => {
    const copy = structuredClone(template);
    change(copy);
    return checkTemplate(copy, catalogue, []);
  };
  expect(changed(() => {})).toBeUndefined();
  expect(changed((copy) => (copy.nodes["n1"]!.type = "prompt_from_file"))).toContain("reads files");
  expect(
    changed((copy) => (copy.nodes["n1"]!.literals["image"] = { image_name: "a.png" })),
  ).toContain("another server");
  expect(changed((copy) => (copy.outputs = ["out_3"]))).toContain("lacks the node");
});

test("a label that is cut can be stored", () => {
  const long = workflow("text-to-image");
  const node = long.nodes.find((one: Json) => one.data.type === "compel");
  node.data.label = `${"x".repeat(199)}😀`;
  expect(isStorableJson(convert(long).inputs)).toBe(true);
});

test("values are checked against the ranges of their inputs, and every fault is named", () => {
  const { inputs, ...rest } = convert(workflow("text-to-image"));
  const id = (role: string) => inputs.find((input) => input.role === role)!.id;
  const faults: string[] = [];
  const values = completeInputs(
    { inputs, ...rest },
    { [id("width")]: 513, [id("height")]: "512", nonsense: 1, [id("model")]: 7 },
    { prompt: "a gull", mask: "x" },
    ({ path, message }) => faults.push(`${path}: ${message}`),
  );
  expect(faults).toEqual([
    "inputs.nonsense: an id of the recipe's inputs",
    "mask: not supported: no input of this recipe has the role mask",
    `inputs.${id("model")}: the key of a model`,
    `inputs.${id("width")}: a whole number: above 0, a multiple of 8`,
    `inputs.${id("height")}: a whole number: above 0, a multiple of 8`,
  ]);
  expect(values[id("prompt")]).toBe("a gull");
  expect(values[id("negative")]).toBe("");
});

test("every node type that the simulator knows has a rule", () => {
  const asking = [
    "infill_lama",
    "ip_adapter",
    "flux_ip_adapter",
    "flux_redux",
    ...Object.values(preprocessors).flatMap(({ node, fetchesWeights }) =>
      fetchesWeights ? [node] : [],
    ),
  ];
  const others: Record<string, string> = {
    prompt_from_file: "refused",
    ...Object.fromEntries(asking.map((type) => [type, "asks"])),
  };
  for (const type of Object.keys(catalogue)) {
    const { kind } = ruleOf(type, "invokeai");
    expect([type, kind]).toEqual([type, others[type] ?? "plain"]);
  }
});
