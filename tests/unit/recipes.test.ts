import { describe, expect, test } from "bun:test";
import { readNodeCatalogue } from "#activities/adapters/invokeai/node-catalogue";
import type { AppError } from "#errors";
import { bindRecipe } from "#recipes/bind";
import { checkTemplate } from "#recipes/check-template";
import { completeInputs } from "#recipes/complete-inputs";
import { convertWorkflow } from "#recipes/convert";
import { preprocessors } from "#generation-references";
import { readGenerator } from "#recipes/generators";
import { ruleOf } from "#recipes/node-rules";
import { rangeFaults } from "#recipes/range-nodes";
import type { RecipeTemplate } from "#recipes/recipe";
import { axesOf, countCombinations, valuesOfCombination } from "#recipes/combinations";
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

describe("batch nodes", () => {
  test("become lists, for whose values the workflow runs: those of a group go together, the others are combined", () => {
    const template = convert(workflow("in-turn"));
    const lists = template.inputs.filter(({ list }) => list);
    expect(lists.map(({ label, role, default: own, list }) => [label, role, own, list])).toEqual([
      ["String Batch: Value", "prompt", ["a red boat", "a grey boat"], { group: "Group 1" }],
      ["Integer Batch: Value", null, [2, 3], { group: "Group 1" }],
      ["Float Batch: Value", null, [3, 7.5], { group: null }],
    ]);
    const [prompts, counts, guidance] = lists.map(({ id }) => id);
    const axes = axesOf(template);
    expect(axes).toEqual([[prompts!, counts!], [guidance!]]);
    const values = Object.fromEntries(lists.map(({ id, default: own }) => [id, own!]));
    expect(countCombinations(axes, values)).toBe(4);
    const drawn = [0, 1, 2, 3].map((at) => {
      const { nodes } = graphOf(template, valuesOfCombination(axes, values, at));
      return [prompts, counts, guidance].map((id) => nodes[id!.split(".")[0]!]!["value"]);
    });
    expect(drawn).toEqual([
      ["a red boat", 2, 3],
      ["a red boat", 2, 7.5],
      ["a grey boat", 3, 3],
      ["a grey boat", 3, 7.5],
    ]);
  });

  test("take lists of the request, and one value by its role; lists of a group have to be equally long", () => {
    const template = convert(workflow("in-turn"));
    const [prompts, counts, guidance] = template.inputs.flatMap(({ id, list }) => (list ? id : []));
    const complete = (given: Record<string, Json>, byRole = {}) => {
      const faults: string[] = [];
      const note = ({ path, message }: { path: string; message: string }) =>
        void faults.push(`${path}: ${message}`);
      const values = completeInputs(template, given, byRole, 1, note);
      return { values, faults };
    };
    const { values } = complete({ [counts!]: [4] }, { prompt: "a gull" });
    expect([values[prompts!], values[counts!], values[guidance!]]).toEqual([
      ["a gull"],
      [4],
      [3, 7.5],
    ]);
    expect(complete({ [counts!]: [1, 2, 3], [guidance!]: [] }).faults).toEqual([
      `inputs.${guidance}: a list of 1 to 100 values`,
      `inputs.${counts}: as many values as inputs.${prompts}, which it goes together with: 2`,
    ]);
    expect(
      complete({ [prompts!]: "x", [counts!]: [1, 2.5], [guidance!]: Array(101) }).faults,
    ).toEqual([
      `inputs.${prompts}: a list of 1 to 100 values`,
      // As the field that they go into.
      `inputs.${counts}: a list in which each is a whole number: above 0`,
      `inputs.${guidance}: a list of 1 to 100 values`,
    ]);
  });

  test("without their own seed draw anew with the step's, else what InvokeAI's editor draws", () => {
    const value = workflow("in-turn");
    const { generator } = nodeOf(value, "counts").data.inputs;
    generator.value = { type: "integer_generator_random_distribution_uniform", max: 999, count: 2 };
    const template = convert(value);
    const [, counts] = template.inputs.flatMap(({ id, list }) => (list ? id : []));
    const drawnWith = (seed: number) =>
      completeInputs(template, {}, {}, seed, () => {})[counts!] as number[];
    expect(drawnWith(7)).toEqual(drawnWith(7));
    expect(drawnWith(7)).not.toEqual(drawnWith(8));
    expect(drawnWith(7).every((one) => Number.isInteger(one) && one >= 0 && one <= 999)).toBe(true);
    // The first two outputs of MT19937 with seed 5489 are 3499211612 and 581869302.
    generator.value = { ...generator.value, seed: 5_489, max: 2 ** 32 - 1 };
    const seeded = convert(value).inputs.find(({ id }) => id === counts);
    expect(seeded?.default).toEqual([3_499_211_612, 581_869_302]);
  });

  test("of images and of prompts that only their own InvokeAI knows need a list, and a warning says so", () => {
    const value = workflow("soften");
    value.nodes.push(
      { id: "each", type: "invocation", data: { type: "image_batch", inputs: {} } },
      {
        id: "board",
        type: "invocation",
        data: {
          type: "image_generator",
          label: "My board",
          inputs: {
            generator: { value: { type: "image_generator_images_from_board", board_id: "b" } },
          },
        },
      },
    );
    nodeOf(value, "each").data.inputs.images = { value: [{ image_name: "theirs.png" }] };
    value.edges = [
      { source: "board", sourceHandle: "images", target: "each", targetHandle: "images" },
      { source: "each", sourceHandle: "image", target: "soft", targetHandle: "image" },
    ];
    const { inputs, warnings } = convert(value);
    expect(inputs.find(({ list }) => list)).toMatchObject({
      kind: "image",
      role: "source",
      isRequired: true,
    });
    expect(warnings).toEqual([
      '"My board" (image_generator) needs what only its own InvokeAI knows; set its values.',
    ]);
    expect(JSON.stringify(convert(value))).not.toContain("theirs.png");
  });

  test.each([
    [{ type: "float_generator_arithmetic_sequence", start: 1, step: 0.5, count: 3 }, [1, 1.5, 2]],
    [{ type: "float_generator_arithmetic_sequence", start: 1, step: 0, count: 3 }, [1]],
    [{ type: "float_generator_linear_distribution", start: 0, end: 1, count: 3 }, [0, 0.5, 1]],
    [{ type: "integer_generator_linear_distribution", start: 0, end: 3, count: 3 }, [0, 2, 3]],
    [{ type: "integer_generator_linear_distribution", start: 4, count: 1 }, [4]],
    [{ type: "integer_generator_parse_string", input: "1, x,,2.9", splitOn: "," }, [1, 2]],
    [{ type: "float_generator_parse_string", input: "a" }, []],
    [{ type: "float_generator_parse_string", input: "9", values: [1, 2] }, [1, 2]],
    [{ type: "string_generator_parse_string", input: "a b\nc\n", splitOn: "\\n" }, ["a b", "c"]],
    [{ type: "string_generator_parse_string", input: 'a"b', splitOn: '"' }, ["a", "b"]],
    [{ type: "string_generator_parse_string", input: "a, b", splitOn: "" }, ["a, b"]],
  ])("have the values that InvokeAI's editor gives %j", (generator, values) => {
    expect(readGenerator(generator)).toEqual({ values });
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

  test("by the batch node whose list is not known, or that is connected to something else", () => {
    const inTurn = (change: (value: Json) => void): string => {
      const value = workflow("in-turn");
      change(value);
      return refusal(value);
    };
    const generator = (given: Json) => (value: Json) =>
      void (nodeOf(value, "counts").data.inputs.generator.value = given);
    const uniform = { type: "integer_generator_random_distribution_uniform" };
    expect(inTurn(generator({ ...uniform, count: 1e9 }))).toContain(
      'The node \\"integer_generator\\" has in generator a count that is not from 1 to 1000',
    );
    expect(inTurn(generator({ type: "integer_generator_of_mine" }))).toContain("does not know");
    expect(inTurn(generator({ ...uniform, min: 0.5 }))).toContain("whole numbers");
    expect(inTurn(generator([]))).toContain("does not know");
    const set = (id: string, field: string, given: Json) => (value: Json) =>
      void (nodeOf(value, id).data.inputs[field] = { value: given });
    expect(inTurn(set("prompts", "strings", "a red boat"))).toContain(
      'The node \\"string_batch\\" has in strings something else than a list',
    );
    expect(inTurn(set("prompts", "strings", [{ image_name: "x" }]))).toContain("than a text");
    expect(inTurn(set("prompts", "strings", Array(1_001).fill("x")))).toContain("more than 1000");
    expect(inTurn(set("guidance", "floats", [1, "2"]))).toContain("than a number");
    expect(inTurn(set("guidance", "batch_group_id", "Group 6"))).toContain("batch_group_id");
    const connect =
      (source: string, sourceHandle: string, target: string, targetHandle: string) =>
      (value: Json) =>
        void value.edges.push({ source, sourceHandle, target, targetHandle });
    expect(inTurn(connect("random", "value", "guidance", "floats"))).toContain(
      'The node \\"float_batch\\" has a connection from \\"Random Seed\\" (rand_int)',
    );
    expect(inTurn(connect("counts", "integers", "guidance", "floats"))).toContain(
      "float_generator",
    );
    expect(inTurn(connect("counts", "integers", "noise", "seed"))).toContain(
      "which is no batch node",
    );
  });

  test("if it holds a refused node, though a batch node leads to it or comes from it", () => {
    const value = workflow("in-turn");
    value.nodes.push({
      id: "file",
      type: "invocation",
      data: { type: "prompt_from_file", label: "string_batch", inputs: {} },
    });
    const edge = { source: "prompts", sourceHandle: "value", target: "file" };
    value.edges.push({ ...edge, targetHandle: "file_path" });
    expect(refusal(value)).toContain("reads files");
    value.edges = [
      ...value.edges.slice(0, -1),
      { source: "file", sourceHandle: "collection", target: "prompts", targetHandle: "strings" },
    ];
    expect(refusal(value)).toContain("prompt_from_file");
    const converted = convert(workflow("in-turn"));
    expect(JSON.stringify(converted)).not.toMatch(/_batch|_generator/);
    for (const type of ["string_batch", "image_generator"]) {
      converted.nodes["n1"]!.type = type;
      expect(checkTemplate(converted, catalogue, [type])).toContain("several runs of one");
    }
  });

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

  test("with more than 500 nodes or 2000 edges, an unreadable value, a circle or no picture", () => {
    const large = workflow("soften");
    for (let n = 0; n < 500; n += 1) {
      large.nodes.push({ id: `n${n}`, type: "invocation", data: { type: "string", inputs: {} } });
    }
    expect(refusal(large)).toContain("more than 500 nodes");
    // They are counted before any of them is read, in a graph as well.
    const none = Array.from({ length: 60_000 }, () => ({}));
    expect(refusal({ nodes: none })).toContain("more than 500 nodes");
    expect(refusal({ nodes: Object.fromEntries(none.entries()) })).toContain("more than 500 nodes");
    for (const nodes of [large.nodes.slice(0, 1), { a: { id: "a", type: "string" } }]) {
      const edges = Array.from({ length: 2_001 }, () => ({}));
      expect(refusal({ nodes, edges })).toContain("more than 2000 edges");
    }
    const list = workflow("soften");
    nodeOf(list, "soft").data.inputs.radius.value = [1, 2];
    expect(refusal(list)).toContain("in radius something else than a number");
    // Its connection comes from an output that does not exist, and leaves it out.
    const dropped = structuredClone(list);
    dropped.edges.push({
      source: "photo",
      sourceHandle: "gone",
      target: "soft",
      targetHandle: "radius",
    });
    expect(refusal(dropped)).toContain("in radius something else than a number");
    const wide = workflow("soften");
    for (let n = 0; n < 101; n += 1) {
      const data = { type: "img_blur", isIntermediate: false, inputs: {} };
      wide.nodes.push({ id: `o${n}`, type: "invocation", data });
    }
    expect(refusal(wide)).toContain("more than 100 pictures");
    const circle = workflow("soften");
    circle.edges.push({
      source: "soft",
      sourceHandle: "image",
      target: "photo",
      targetHandle: "image",
    });
    expect(refusal(circle)).toContain("circle");
    const pictureless = workflow("soften");
    pictureless.nodes = pictureless.nodes.filter((one: Json) => one.id === "photo");
    expect(refusal(pictureless)).toContain("makes no picture");
    for (const value of [null, [], 1, "x", {}, { nodes: [] }, { nodes: [null] }, { nodes: {} }]) {
      expect(refusal(value)).toContain("workflow");
    }
  });

  test("if it names an image of another server where no input can take its place", () => {
    const value = workflow("soften");
    nodeOf(value, "soft").data.inputs.radius.value = { image_name: "theirs.png" };
    expect(refusal(value)).toContain("radius");
  });

  test("if its own numbers always make a range of more than 100 items, or one with a step of 0", () => {
    const value = workflow("row");
    const { inputs } = nodeOf(value, "range").data;
    inputs.stop.value = 101;
    inputs.start.value = -200;
    // Shown: a step can set it.
    expect(convert(value).inputs.map(({ default: own }) => own)).toContain(101);
    inputs.start.value = 0;
    value.exposedFields = value.exposedFields.filter((one: Json) => one.nodeId !== "range");
    const message = "makes 101 items with its stop, start, step; set them to make at most 100";
    expect(refusal(value)).toContain(`The node \\"Row\\" (range) ${message}.`);
    expect(refusal(value)).toContain('"path":"nodes.range.stop"');
    inputs.start.value = 1;
    expect(convert(value).nodes["out"]).toBeDefined();
    inputs.step.value = 0;
    expect(refusal(value)).toContain("has a step of 0; set another number");
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
  // An input, a seed or a connection sets only what is an input of its node.
  const [input] = template.inputs;
  for (const id of ["n1.type", "n1.board", "n1.id", "n9.image", "__proto__.image"]) {
    const kind = "string" as const;
    expect(changed((copy) => (copy.inputs = [{ ...input!, id, kind }]))).toContain("has no");
  }
  expect(changed((copy) => (copy.inputs[0]!.kind = "string"))).toContain("has no image");
  expect(changed((copy) => (copy.seeds = [["out", "type"]]))).toContain("has no type");
  expect(changed((copy) => (copy.edges[0]!.to = ["out", "use_cache"]))).toContain("has no");
  expect(changed((copy) => (copy.edges[0]!.from = ["n1", "type"]))).toContain("has no type");
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
    0,
    ({ path, message }) => faults.push(`${path}: ${message}`),
  );
  expect(faults).toEqual([
    "inputs.nonsense: an id of the recipe's inputs",
    "mask: not supported: no input of this recipe has the role mask",
    `inputs.${id("model")}: the key of a model`,
    `inputs.${id("width")}: a whole number: above 0, at most 8192, a multiple of 8`,
    `inputs.${id("height")}: a whole number: above 0, at most 8192, a multiple of 8`,
  ]);
  expect(values[id("prompt")]).toBe("a gull");
  expect(values[id("negative")]).toBe("");
});

describe("a range", () => {
  const faultOf = (
    type: string,
    literals: Record<string, Json>,
    more: { fed?: string; seeded?: string; values?: Record<string, Json>; unknown?: string[] } = {},
  ) => {
    const { fed, seeded, values = {}, unknown = [] } = more;
    const template = {
      nodes: { n1: { type, literals } },
      edges: fed
        ? [{ from: ["n2", "value"] as [string, string], to: ["n1", fed] as [string, string] }]
        : [],
      seeds: seeded ? [["n1", seeded] as [string, string]] : [],
    };
    return rangeFaults(template, values, new Set(unknown))[0]?.message;
  };
  const makes = (count: number) => expect.stringContaining(`makes ${count} items`);

  test("of more than 100 items is refused, counted as Python counts", () => {
    for (const [start, stop, step, count] of [
      [0, 101, 1, 101],
      [0, 201, 2, 101],
      [-101, 0, 1, 101],
      [0, -101, -1, 101],
      [0, 1_000_000, 3, 333_334],
    ] as const) {
      expect(faultOf("range", { start, stop, step })).toEqual(makes(count));
    }
    for (const [start, stop, step] of [
      [0, 100, 1],
      [0, 200, 2],
      [0, 199, 2],
      [0, -100, -1],
      // Empty.
      [0, 1_000, -1],
      [1_000, 0, 1],
    ] as const) {
      expect(faultOf("range", { start, stop, step })).toBeUndefined();
    }
    for (const type of ["range_of_size", "random_range"]) {
      expect(faultOf(type, { size: 101, start: 7, step: -3 })).toEqual(makes(101));
      expect(faultOf(type, { size: 100 })).toBeUndefined();
    }
  });

  test("with a step of 0 is refused, whatever else is known", () => {
    for (const type of ["range", "range_of_size"]) {
      expect(faultOf(type, { step: 0 }, { unknown: ["n1.stop", "n1.size"] })).toContain(
        "step of 0",
      );
    }
  });

  test("has InvokeAI's own values where none are set, and those of inputs before the workflow's", () => {
    for (const type of ["range", "range_of_size", "random_range"]) {
      expect(faultOf(type, {})).toBeUndefined();
    }
    expect(faultOf("range", { start: -91 })).toEqual(makes(101));
    const values = { "n1.stop": 500 };
    expect(faultOf("range", { stop: 1 }, { values })).toEqual(makes(500));
  });

  test("is not counted where a connection, the seed or an input without a value decides", () => {
    const large = { stop: 1_000 };
    for (const more of [{ fed: "start" }, { seeded: "stop" }, { unknown: ["n1.step"] }]) {
      expect(faultOf("range", large, more)).toBeUndefined();
    }
    // Which random numbers it has does not change how many.
    expect(faultOf("random_range", { size: 101 }, { seeded: "seed" })).toEqual(makes(101));
  });

  test("is reported at an input that can change it, else at the recipe, and not where an input has a fault itself", () => {
    const value = workflow("row");
    value.exposedFields.push({ nodeId: "range", fieldName: "start" });
    const template = convert(value);
    const shown = template.inputs.filter(({ kind }) => kind === "integer");
    const [stop, start] = shown.map(({ id }) => id);
    const pathsOf = (given: Record<string, Json>, of = template) => {
      const paths: string[] = [];
      const faulty = ({ path }: { path: string }) => void paths.push(path);
      completeInputs(of, given, {}, 1, faulty);
      return paths;
    };
    expect(pathsOf({ [stop!]: 200 })).toEqual([`inputs.${stop}`]);
    expect(pathsOf({ [start!]: -200, [stop!]: "x" })).toEqual([`inputs.${stop}`]);
    const withSeed = template.inputs.map((input) =>
      input.id === stop ? { ...input, role: "seed" as const } : input,
    );
    expect(pathsOf({ [start!]: -200 }, { ...template, inputs: withSeed })).toEqual([]);
    const archived = structuredClone({ ...template, inputs: [] });
    archived.nodes[stop!.split(".")[0]!]!.literals["stop"] = 200;
    expect(pathsOf({}, archived)).toEqual(["recipe_id"]);
  });
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
