import { expect, test } from "bun:test";
import {
  buildGraph,
  type Graph,
  type GraphReference,
} from "#activities/adapters/invokeai/graphs/index";
import type { MainModel } from "#activities/adapters/invokeai/types";
import { clipVisionOf, readerOf } from "#generation-references";
import {
  arrowsOf,
  companionFor,
  everyMain,
  mainOf,
  referencesFor,
  requestFor,
} from "#tests/support/graph-parts";

const graphOf = (model: MainModel, references: GraphReference[]): Graph =>
  buildGraph(requestFor(model.base, { model, references }));

/** The references among a model's own with this role. */
const ofRole = (model: MainModel, role: string) =>
  referencesFor(model).filter((reference) => reference.role === role);

test("references of one kind reach the sampler in their order", () => {
  const klein = mainOf("flux2");
  const arrows = arrowsOf(graphOf(klein, ofRole(klein, "edit")));
  expect(arrows.filter((arrow) => arrow.includes("ref"))).toEqual([
    "ref0.kontext_cond -> ref0c.item",
    "ref1.kontext_cond -> ref1c.item",
    "ref0c.collection -> ref1c.collection",
    "ref1c.collection -> denoise.kontext_conditioning",
  ]);
});

test("FLUX Kontext scales each reference before it is used", () => {
  const kontext = { ...mainOf("flux"), name: "Kontext dev" };
  const graph = graphOf(kontext, ofRole(kontext, "edit").slice(0, 1));
  expect(graph.nodes["ref0"]).toMatchObject({
    type: "flux_kontext_image_prep",
    images: [{ image_name: "edit-0.png" }],
  });
  expect(arrowsOf(graph)).toContain("ref0.image -> ref0k.image");
});

test("Qwen-Image Edit sees all references with the prompt, and the first at its own area as latents", () => {
  const model = mainOf("qwen-image", "edit");
  const graph = graphOf(model, ofRole(model, "edit"));
  expect(arrowsOf(graph)).toContain("ref1c.collection -> posc.reference_images");
  expect(arrowsOf(graph)).toContain("ref0e.latents -> denoise.reference_latents");
  expect(graph.nodes["ref0e"]).toMatchObject({ width: 1248, height: 832 });
  expect(graph.nodes["ref1e"]).toBeUndefined();
});

test("a role is the method of an IP-Adapter, whose name says what it was trained with", () => {
  const sdxl = mainOf("sdxl");
  const [style] = ofRole(sdxl, "style");
  const adapter = { ...style!.adapter!, name: "IP-Adapter ViT-G" };
  const composition: GraphReference = { ...style!, role: "composition", adapter };
  const { nodes } = graphOf(sdxl, [style!, composition]);
  expect(nodes["ref0"]).toMatchObject({ method: "style", clip_vision_model: "ViT-H", weight: 0.5 });
  expect(nodes["ref1"]).toMatchObject({ method: "composition", clip_vision_model: "ViT-G" });
  expect(clipVisionOf({ base: "flux", name: "anything" })).toBe("ViT-L");
});

test("a preprocessor stands between the picture and its adapter", () => {
  const sd1 = mainOf("sd-1");
  const [control] = ofRole(sd1, "control");
  const graph = graphOf(sd1, [control!]);
  expect(graph.nodes["ref0"]).toMatchObject({
    type: "canny_edge_detection",
    image: { image_name: "control-0.png" },
  });
  expect(graph.nodes["ref0a"]).toMatchObject({
    type: "controlnet",
    control_weight: 0.5,
    begin_step_percent: 0.1,
    end_step_percent: 0.9,
  });
  expect(graph.nodes["ref0a"]).not.toHaveProperty("image");
});

test("a role that the base lacks, or an adapter of another base, is refused", () => {
  const sd1 = mainOf("sd-1");
  const edit: GraphReference = { role: "edit", imageName: "a.png", size: null, adapter: null };
  expect(() => graphOf(sd1, [edit])).toThrow("references to at most 8 of role style");
  const [control] = ofRole(sd1, "control");
  const foreign = { ...control!, adapter: { ...control!.adapter!, base: "sdxl" } };
  expect(() => graphOf(sd1, [foreign])).toThrow(
    "an adapter of base sd-1 for the reference of role",
  );
  expect(() => graphOf(sd1, [{ ...control!, adapter: null }])).toThrow("an adapter of base sd-1");
  const zImage = mainOf("z-image");
  const two = [...ofRole(zImage, "control"), ...ofRole(zImage, "control")];
  expect(() => graphOf(zImage, two)).toThrow("references to at most 1 of role control");
});

test("a control LoRA goes to the sampler itself, once, and not to FLUX schnell", () => {
  const dev = mainOf("flux");
  const reference = ofRole(dev, "control").find(({ adapter }) => adapter?.type === "control_lora")!;
  const { begin: _begin, end: _end, ...lora } = reference;
  const graph = graphOf(dev, [{ ...lora, preprocessor: "canny" }]);
  expect(graph.nodes["ref0a"]).toMatchObject({ type: "flux_control_lora_loader", weight: 0.5 });
  expect(graph.nodes["ref0a"]).not.toHaveProperty("begin_step_percent");
  expect(arrowsOf(graph)).toContain("ref0.image -> ref0a.image");
  expect(arrowsOf(graph)).toContain("ref0a.control_lora -> denoise.control_lora");
  expect(() => graphOf(dev, [lora, lora])).toThrow("at most one by a control LoRA");
  expect(() => graphOf(mainOf("flux", "schnell"), [lora])).toThrow("an adapter of base flux");
});

test("the folder of an IP-Adapter names its image encoder, and what to install for it", () => {
  const folder = (imageEncoder: string) =>
    readerOf({ type: "ip_adapter", base: "sdxl", name: "Look", imageEncoder });
  expect(folder("InvokeAI/ip_adapter_sdxl_image_encoder")).toMatchObject({
    type: "clip_vision",
    names: ["ip_adapter_sdxl_image_encoder"],
    source: "https://huggingface.co/InvokeAI/ip_adapter_sdxl_image_encoder",
  });
  expect(folder("  someone/else \n")).toMatchObject({
    names: ["else"],
    source: "https://huggingface.co/someone/else",
  });
  // Not an address of Hugging Face, however it is written.
  expect(folder("../../elsewhere")).toMatchObject({ names: ["elsewhere"] });
  expect(folder("C:\\encoders\\mine")?.source).toBe("C:\\encoders\\mine");
});

test("a picture that carries no role of its own reaches no base without one", () => {
  for (const [title, model] of everyMain) {
    const roles = new Set(referencesFor(model).map(({ role }) => role));
    for (const role of ["edit", "style", "composition", "control"] as const) {
      if (roles.has(role)) continue;
      const adapter = role === "edit" ? null : companionFor(need(role, model.base));
      const reference = { role, imageName: "a.png", size: null, adapter };
      expect(() => graphOf(model, [reference]), `${title} ${role}`).toThrow();
    }
  }
});

const need = (role: string, base: string) => ({
  type: role === "control" ? "controlnet" : "ip_adapter",
  bases: [base],
  title: role,
  source: "",
});
