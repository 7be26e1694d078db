import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { inspectImage } from "#media/pictures/inspect";
import { cameraOf } from "#media/metadata/camera";
import { readExifTags } from "#media/metadata/exif-tags";
import { readRecorded } from "#media/metadata/recorded";
import { sniffFile } from "#media/pictures/sniff";
import { exifBlock, plain, pngChunk, withExifBlock, withPngChunks } from "#tests/fixtures/pictures";
import { processorMs } from "#tests/support/processor-time";

let folder: string;
let files = 0;
let png: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-generation-"));
  png = await plain(32, 32, "red").png().toBuffer();
});
afterAll(() => rm(folder, { recursive: true }));

async function generationOf(bytes: Uint8Array) {
  const path = join(folder, String((files += 1)));
  await writeFile(path, bytes);
  const image = await inspectImage(path, (await sniffFile(path))!);
  return (await readRecorded(path, image)).generation;
}

const asText = (keyword: string, text: string) =>
  pngChunk("tEXt", Buffer.concat([Buffer.from(`${keyword}\0`), Buffer.from(text, "latin1")]));
const asZipped = (keyword: string, text: string) =>
  pngChunk(
    "zTXt",
    Buffer.concat([Buffer.from(`${keyword}\0\0`), deflateSync(Buffer.from(text, "latin1"))]),
  );
const asInternational = (keyword: string, text: string) =>
  pngChunk("iTXt", Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`), Buffer.from(text)]));
const saying = (keyword: string, text: string) => withPngChunks(png, asText(keyword, text));
const sayingJson = (keyword: string, value: unknown) => saying(keyword, JSON.stringify(value));

const parameters = [
  "a lighthouse at dusk, <lora:add_detail:0.6>",
  "oil on canvas",
  "Negative prompt: blurry, people,",
  "text",
  'Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 3141592653, Size: 512x768, Model hash: 4199bcdd14, Model: revAnimated_v122, Denoising strength: 0.45, Clip skip: 2, Lora hashes: "add_detail: 7c6bad76eb54, x: y", Version: v1.6.0',
].join("\n");

const fromParameters = {
  prompt: "a lighthouse at dusk, <lora:add_detail:0.6>\noil on canvas",
  negativePrompt: "blurry, people,\ntext",
  modelHash: "4199bcdd14",
  modelName: "revAnimated_v122",
  seed: 3_141_592_653,
  steps: 28,
  cfgScale: 6.5,
  scheduler: "dpmpp_2m_k",
  width: 512,
  height: 768,
  strength: 0.45,
  clipSkip: 1,
  loras: [{ name: "add_detail", weight: 0.6 }],
};

describe("InvokeAI's record", () => {
  test("fills all fields, with the keys of its models", async () => {
    const record = {
      generation_mode: "img2img",
      positive_prompt: "a boat",
      negative_prompt: "rain",
      width: 512,
      height: 640,
      seed: 123,
      steps: 30,
      cfg_scale: 7.5,
      scheduler: "euler_k",
      strength: 0.7,
      clip_skip: 1,
      model: { key: "m-1", hash: "blake3:aa", name: "Dreamy", base: "sd-1", type: "main" },
      vae: { key: "v-1", name: "vae" },
      loras: [{ model: { key: "l-1", name: "detail" }, weight: 0.5 }],
    };
    expect(await generationOf(sayingJson("invokeai_metadata", record))).toEqual({
      prompt: "a boat",
      negativePrompt: "rain",
      modelKey: "m-1",
      modelHash: "blake3:aa",
      modelName: "Dreamy",
      seed: 123,
      steps: 30,
      cfgScale: 7.5,
      scheduler: "euler_k",
      width: 512,
      height: 640,
      strength: 0.7,
      vaeKey: "v-1",
      clipSkip: 1,
      loras: [{ modelKey: "l-1", name: "detail", weight: 0.5 }],
    });
  });

  test("of version 3 has models without keys", async () => {
    const record = {
      positive_prompt: "a boat",
      model: { model_name: "stable-diffusion-v1-5", base_model: "sd-1" },
      loras: [{ lora: { model_name: "detail" }, weight: 0.5 }],
    };
    expect(await generationOf(sayingJson("invokeai_metadata", record))).toEqual({
      prompt: "a boat",
      modelName: "stable-diffusion-v1-5",
      loras: [{ name: "detail", weight: 0.5 }],
    });
  });

  test("of version 2 is read from sd-metadata", async () => {
    const record = {
      model: "stable diffusion",
      model_weights: "stable-diffusion-1.5",
      model_hash: "cc6cb271",
      image: {
        prompt: [{ prompt: "a boat", weight: 1 }],
        steps: 50,
        cfg_scale: 7.5,
        sampler: "k_euler_a",
        seed: 42,
        width: 512,
        height: 512,
      },
    };
    expect(await generationOf(sayingJson("sd-metadata", record))).toEqual({
      prompt: "a boat",
      modelName: "stable-diffusion-1.5",
      modelHash: "cc6cb271",
      seed: 42,
      steps: 50,
      cfgScale: 7.5,
      scheduler: "euler_a",
      width: 512,
      height: 512,
    });
  });

  test("of version 1 is read from Dream", async () => {
    const text = '"a "quoted" boat" -s 50 -S 42 -W 512 -H 384 -C 7.5 -A k_lms';
    expect(await generationOf(saying("Dream", text))).toEqual({
      prompt: 'a "quoted" boat',
      seed: 42,
      steps: 50,
      width: 512,
      height: 384,
      cfgScale: 7.5,
      scheduler: "lms",
    });
  });
});

describe("parameters of AUTOMATIC1111 and Forge", () => {
  test.each([
    ["tEXt", asText],
    ["zTXt", asZipped],
    ["iTXt", asInternational],
  ])("are read from %s", async (_, chunk) => {
    const bytes = withPngChunks(png, chunk("parameters", parameters));
    expect(await generationOf(bytes)).toEqual(fromParameters);
  });

  const utf16 = Buffer.from(parameters, "utf16le");
  test.each([
    ["UNICODE, low byte first", "UNICODE\0", utf16],
    ["UNICODE, high byte first", "UNICODE\0", Buffer.from(utf16).swap16()],
    [
      "UNICODE with a mark",
      "UNICODE\0",
      Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(utf16).swap16()]),
    ],
    ["ASCII", "ASCII\0\0\0", Buffer.from(parameters)],
    ["JIS", "JIS\0\0\0\0\0", Buffer.from(parameters)],
    ["no encoding named", "\0\0\0\0\0\0\0\0", Buffer.from(parameters)],
    ["no room for an encoding", "", Buffer.from(parameters)],
  ])("are read from the EXIF comment of JPEG and WebP: %s", async (_, mark, text) => {
    const comment = Buffer.concat([Buffer.from(mark, "latin1"), text]);
    for (const order of ["II", "MM"] as const) {
      const block = exifBlock(order, { 0x9286: comment });
      for (const format of ["jpeg", "webp"] as const) {
        const picture = await plain(32, 32, "red").toFormat(format).toBuffer();
        expect(await generationOf(withExifBlock(picture, block))).toEqual(fromParameters);
      }
    }
  });

  test.each([
    ["Euler a", "Automatic", "euler_a"],
    ["DPM++ 2M SDE", "Karras", "dpmpp_2m_sde_k"],
    ["DPM2 a Karras", undefined, "kdpm_2_a_k"],
    ["UniPC", undefined, "unipc"],
    ["Restart", "Karras", "Restart Karras"],
    ["Euler a", "Karras", "Euler a Karras"],
    ["constructor", undefined, "constructor"],
  ])("sampler %s, schedule %s: %s", async (sampler, schedule, scheduler) => {
    const second = schedule === undefined ? "" : `, Schedule type: ${schedule}`;
    const text = `a cat\nSteps: 20, Sampler: ${sampler}${second}, Seed: 1`;
    expect((await generationOf(saying("parameters", text)))?.scheduler).toBe(scheduler);
  });

  test("may lack prompts, and may have Windows line ends", async () => {
    expect(await generationOf(saying("parameters", "Steps: 20, Seed: 1"))).toEqual({
      steps: 20,
      seed: 1,
    });
    const text = "a cat\r\nNegative prompt: a dog\r\nSteps: 20, Seed: 1\r\n";
    expect(await generationOf(saying("parameters", text))).toMatchObject({
      prompt: "a cat",
      negativePrompt: "a dog",
    });
  });

  const read = (settings: string, prompt = "a cat") =>
    generationOf(
      withPngChunks(png, asInternational("parameters", `${prompt}\nSteps: 20, ${settings}`)),
    );

  test.each([
    ["photon, v1:final", JSON.stringify("photon, v1:final")],
    ['the "best": one', JSON.stringify('the "best": one')],
    ["a\\b", JSON.stringify("a\\b")],
    ["猫, 犬", '"\\u732b, 犬"'],
    ["plain", "plain"],
    ['"half', '"half'],
  ])("a quoted setting is a JSON string: %s", async (modelName, written) => {
    expect(await read(`Model: ${written}, Seed: 5`)).toEqual({
      prompt: "a cat",
      steps: 20,
      modelName,
      seed: 5,
    });
  });

  test.each([
    '"a __x__\nb __y__"',
    '"first\nSteps: 99, Seed: 98, CFG scale: 97"',
    '"first\nNegative prompt: none\nSteps: 99"',
    '"with \\"quotes\\" and\nSteps: 99, Model: \\"x\\", y"',
  ])("settings continue after a quoted one with line breaks: %j", async (value) => {
    expect(await read(`Template: ${value}, CFG scale: 7, Seed: 5, Size: 512x640`)).toEqual({
      prompt: "a cat",
      steps: 20,
      cfgScale: 7,
      seed: 5,
      width: 512,
      height: 640,
    });
  });

  test("a line of the prompt may look like settings", async () => {
    expect(await read("Seed: 5", "a stair\nSteps: wet, old")).toEqual({
      prompt: "a stair\nSteps: wet, old",
      steps: 20,
      seed: 5,
    });
  });

  test("names of settings are case-insensitive", async () => {
    expect(await read("CFG Scale: 8.0, SEED: 5, size: 512x512, model Hash: ab")).toEqual({
      prompt: "a cat",
      steps: 20,
      cfgScale: 8,
      seed: 5,
      width: 512,
      height: 512,
      modelHash: "ab",
    });
  });

  test.each([
    ["0.8", 0.8],
    ["1e-1", 0.1],
    [".5", 0.5],
    ["+1", 1],
    ["-0.2", -0.2],
    ["1.", 1],
    [" 0.3 ", 0.3],
    ["1_0", 10],
    ["0.7:0.2", 0.7],
    ["te=0.2:unet=0.6", 0.6],
  ])("a LoRA's weight is parsed as by Python: %j", async (written, weight) => {
    const said = await read("Seed: 5", `a cat <lora:ink:${written}>`);
    expect(said?.loras).toEqual([{ name: "ink", weight }]);
  });

  test.each(["nan", "inf", "1__0", "0x1", "1e", "much"])(
    "a LoRA whose weight is %j is left out",
    async (written) => {
      expect((await read("Seed: 5", `<lora:ink:${written}>`))?.loras).toBeUndefined();
    },
  );

  test.each([
    ["Denoising strength: 0.4", 0.4],
    ["Denoising strength: 1e-1, Mask blur: 4", 0.1],
    ["Denoising strength: 0.4, Hires upscale: 2", undefined],
    ["Denoising strength: 0.4, Hires Module 1: Use same choices", undefined],
    ["Hires steps: 10, Denoising strength: 0.4", undefined],
    ["Denoising strength: 0.7, First pass size: 512x512", undefined],
  ])("a strength is read only when there was a source: %s", async (settings, strength) => {
    expect((await read(settings))?.strength).toBe(strength as number);
  });

  test("by Fooocus have their LoRAs among the settings", async () => {
    const said = await read(
      'Seed: 5, Lora hashes: "ink: abc, line: def", Lora weights: "ink: 0.5, line: -1.0"',
    );
    expect(said?.loras).toEqual([
      { name: "ink", weight: 0.5 },
      { name: "line", weight: -1 },
    ]);
  });

  const jpegWith = async (comment: Buffer, type?: number) => {
    const block = exifBlock("MM", { 0x9286: comment });
    // The type of the entry follows its tag.
    if (type !== undefined) block[block.indexOf(Buffer.from([0x92, 0x86, 0, 7])) + 3] = type;
    return withExifBlock(await plain(32, 32, "red").jpeg().toBuffer(), block);
  };
  const utf16be = (text: string) => Buffer.from(text, "utf16le").swap16();
  const settings = "\nSteps: 20, Sampler: Euler a, Seed: 5";

  test.each([
    ["Chinese", "一只可爱的猫坐在窗台上，".repeat(100)],
    ["Chinese with a character whose lower byte is zero", "一".repeat(2_000)],
    ["Japanese with wide spaces", "猫　犬　言　需　".repeat(200)],
    ["English", "a cat ".repeat(300)],
  ])("are read from a long comment in UTF-16 of either byte order: %s", async (_, prompt) => {
    for (const encoded of [utf16be(prompt + settings), Buffer.from(prompt + settings, "utf16le")]) {
      const comment = Buffer.concat([Buffer.from("UNICODE\0"), encoded]);
      expect(await generationOf(await jpegWith(comment))).toEqual({
        prompt: prompt.trim(),
        steps: 20,
        scheduler: "euler_a",
        seed: 5,
      });
    }
  });

  test.each([
    ["UTF-8 behind UNICODE", "UNICODE\0", undefined],
    ["of type ASCII, with its encoding", "ASCII\0\0\0", 2],
    ["of type ASCII, UTF-8 behind UNICODE", "UNICODE\0", 2],
    ["of type ASCII, as it is", "", 2],
    ["of type BYTE, as it is", "", 1],
  ])("are read from a comment %s", async (_, mark, type) => {
    const comment = Buffer.from(`${mark}a cat 猫${settings}\0\0`);
    expect((await generationOf(await jpegWith(comment, type)))?.prompt).toBe("a cat 猫");
  });

  test("a comment in no known format is ignored", async () => {
    const picture = await plain(32, 32, "red").jpeg().toBuffer();
    for (const text of ["Our holiday: 3 steps, seed: 5", "A cake\nSteps: mix it, seed: 5"]) {
      const block = exifBlock("II", { 0x9286: Buffer.from(`ASCII\0\0\0${text}`) });
      expect(await generationOf(withExifBlock(picture, block))).toBeUndefined();
    }
  });
});

const comfyGraph = {
  "3": {
    class_type: "KSampler",
    inputs: {
      seed: 156_680_208_700_286,
      steps: 20,
      cfg: 8,
      sampler_name: "dpmpp_2m",
      scheduler: "karras",
      denoise: 1,
      model: ["10", 0],
      positive: ["12", 0],
      negative: ["12", 1],
      latent_image: ["5", 0],
    },
  },
  "4": { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name: "xl\\base_1.0.safetensors" } },
  "5": { class_type: "EmptyLatentImage", inputs: { width: 832, height: 1216, batch_size: 1 } },
  "6": { class_type: "CLIPTextEncode", inputs: { text: ["11", 0], clip: ["4", 1] } },
  "7": { class_type: "CLIPTextEncode", inputs: { text: "watermark", clip: ["4", 1] } },
  "8": { class_type: "VAEDecode", inputs: { samples: ["3", 0], vae: ["4", 2] } },
  "9": { class_type: "SaveImage", inputs: { images: ["8", 0] } },
  "10": {
    class_type: "LoraLoader",
    inputs: {
      lora_name: "detail.safetensors",
      strength_model: 0.8,
      strength_clip: 1,
      model: ["4", 0],
      clip: ["4", 1],
    },
  },
  "11": { class_type: "PrimitiveStringMultiline", inputs: { value: "a glass bottle" } },
  "12": {
    class_type: "ControlNetApplyAdvanced",
    inputs: { positive: ["13", 0], negative: ["7", 0], strength: 1 },
  },
  "13": { class_type: "ConditioningSetTimestepRange", inputs: { conditioning: ["6", 0] } },
};

const fromComfy = {
  prompt: "a glass bottle",
  negativePrompt: "watermark",
  modelName: "base_1.0",
  seed: 156_680_208_700_286,
  steps: 20,
  cfgScale: 8,
  scheduler: "dpmpp_2m_k",
  width: 832,
  height: 1216,
  loras: [{ name: "detail", weight: 0.8 }],
};

describe("a graph of ComfyUI", () => {
  test("is followed through intermediate nodes, in PNG, and in the comment or camera fields of other formats", async () => {
    const text = JSON.stringify(comfyGraph);
    expect(await generationOf(saying("prompt", text))).toEqual(fromComfy);
    const webp = await plain(32, 32, "red").webp().toBuffer();
    const comment = Buffer.from(`ASCII\0\0\0${text}`);
    for (const block of [
      exifBlock("II", { 0x9286: comment }),
      exifBlock("MM", { 0x110: Buffer.from(`prompt:${text}\0`) }),
    ]) {
      expect(await generationOf(withExifBlock(webp, block))).toEqual(fromComfy);
    }
  });

  test.each([
    [0x10f, "Prompt: "],
    [0x10f, "PROMPT:"],
    [0x110, "prompt: "],
    [0x10e, "Prompt:"],
  ])("is read after a label in the tag %d: %j", async (tag, name) => {
    const block = exifBlock("MM", {
      [tag]: Buffer.from(`${name}${JSON.stringify(comfyGraph)}\0`),
      [tag === 0x10f ? 0x110 : 0x10f]: Buffer.from("Workflow: {}\0"),
    });
    for (const format of ["webp", "jpeg"] as const) {
      const picture = await plain(32, 32, "red").toFormat(format).toBuffer();
      expect(await generationOf(withExifBlock(picture, block))).toEqual(fromComfy);
    }
    expect(cameraOf(readExifTags(block))).toBeNull();
  });

  test("is read from AVIF, and from a PNG's compressed text or `workflow`", async () => {
    const text = JSON.stringify(comfyGraph);
    const avif = await plain(64, 64, "red")
      .avif()
      .withExif({ IFD0: { Model: `prompt:${text}`, Make: "workflow:{}" } })
      .toBuffer();
    expect(await generationOf(avif)).toEqual(fromComfy);
    for (const chunk of [asZipped("prompt", text), asInternational("workflow", text)]) {
      expect(await generationOf(withPngChunks(png, chunk))).toEqual(fromComfy);
    }
  });

  test("is read although Python wrote NaN into it", async () => {
    const text = JSON.stringify(comfyGraph).replace('"batch_size":1', '"batch_size":[NaN]');
    expect(await generationOf(saying("prompt", text))).toEqual(fromComfy);
  });

  test("is read with a sampler made of parts, as for FLUX", async () => {
    const graph = {
      a: {
        class_type: "SamplerCustomAdvanced",
        inputs: {
          noise: ["n", 0],
          guider: ["g", 0],
          sampler: ["k", 0],
          sigmas: ["s", 0],
          latent_image: ["e", 0],
        },
      },
      n: { class_type: "RandomNoise", inputs: { noise_seed: 9 } },
      g: { class_type: "BasicGuider", inputs: { model: ["u", 0], conditioning: ["f", 0] } },
      f: { class_type: "FluxGuidance", inputs: { guidance: 3.5, conditioning: ["t", 0] } },
      t: { class_type: "CLIPTextEncode", inputs: { text: "a fox" } },
      k: { class_type: "KSamplerSelect", inputs: { sampler_name: "euler" } },
      s: {
        class_type: "BasicScheduler",
        inputs: { scheduler: "simple", steps: 4, denoise: 1, model: ["u", 0] },
      },
      u: { class_type: "UNETLoader", inputs: { unet_name: "flux1-schnell.sft" } },
      e: { class_type: "EmptySD3LatentImage", inputs: { width: 1024, height: 1024 } },
    };
    expect(await generationOf(sayingJson("prompt", graph))).toEqual({
      prompt: "a fox",
      modelName: "flux1-schnell",
      seed: 9,
      steps: 4,
      scheduler: "euler",
      width: 1024,
      height: 1024,
    });
  });

  test("with two samplers uses the first one; from a picture it has a strength", async () => {
    const refined = {
      "1": {
        class_type: "KSampler",
        inputs: { seed: 5, denoise: 0.4, positive: ["6", 0], latent_image: ["2", 0] },
      },
      "2": { class_type: "LatentUpscale", inputs: { samples: ["3", 0], width: 2000 } },
      ...comfyGraph,
    };
    expect(await generationOf(sayingJson("prompt", refined))).toEqual(fromComfy);
    const fromPicture = {
      "1": {
        class_type: "KSampler",
        inputs: { seed: 5, denoise: 0.4, positive: ["6", 0], latent_image: ["2", 0] },
      },
      "2": { class_type: "VAEEncode", inputs: { pixels: ["9", 0] } },
      "6": comfyGraph["7"],
    };
    expect(await generationOf(sayingJson("prompt", fromPicture))).toEqual({
      prompt: "watermark",
      seed: 5,
      strength: 0.4,
    });
  });

  test("has no negative text when the negative side is zeroed out", async () => {
    const graph = {
      ...comfyGraph,
      "12": { class_type: "X", inputs: { positive: ["6", 0], negative: ["14", 0] } },
      "14": { class_type: "ConditioningZeroOut", inputs: { conditioning: ["6", 0] } },
    };
    const { negativePrompt: _, ...positive } = fromComfy;
    expect(await generationOf(sayingJson("prompt", graph))).toEqual(positive);
  });

  test("tolerates cycles, missing nodes and inputs of any type", async () => {
    const sampler = (inputs: object) => ({
      "1": { class_type: "KSampler", inputs: { latent_image: ["1", 0], seed: 5, ...inputs } },
      "2": {
        class_type: "A",
        inputs: { conditioning: ["3", 0], model: ["3", 0], value: ["3", 0] },
      },
      "3": {
        class_type: "B",
        inputs: { conditioning: ["2", 0], model: ["2", 0], value: ["2", 0] },
      },
    });
    for (const value of [["2", 0], ["nowhere", 0], ["constructor", 0], [[], {}], {}, null]) {
      const inputs = { positive: value, negative: value, model: value, steps: value, cfg: value };
      expect(await generationOf(sayingJson("prompt", sampler(inputs)))).toEqual({ seed: 5 });
    }
    expect(
      await generationOf(sayingJson("prompt", { "1": null, "2": [], "3": {} })),
    ).toBeUndefined();
  });
});

/** The same text in each place that a program may use. */
async function inEachPlace(text: string): Promise<[place: string, bytes: Buffer][]> {
  const comment = Buffer.concat([Buffer.from("UNICODE\0"), Buffer.from(text, "utf16le")]);
  const block = exifBlock("II", { 0x9286: comment });
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about="" xmlns:e="http://ns.adobe.com/exif/1.0/"><e:UserComment><rdf:Alt>
    <rdf:li xml:lang="x-default">${escaped}</rdf:li></rdf:Alt></e:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>`;
  const picture = (format: "jpeg" | "webp" | "png") => plain(32, 32, "red").toFormat(format);
  return [
    ["PNG", saying("parameters", text)],
    ["JPEG", withExifBlock(await picture("jpeg").toBuffer(), block)],
    ["WebP", withExifBlock(await picture("webp").toBuffer(), block)],
    ["XMP of PNG", await picture("png").withXmp(xmp).toBuffer()],
    ["XMP of JPEG", await picture("jpeg").withXmp(xmp).toBuffer()],
    ["XMP of WebP", await picture("webp").withXmp(xmp).toBuffer()],
  ];
}

async function expectEverywhere(record: object, expected: object): Promise<void> {
  for (const [place, bytes] of await inEachPlace(JSON.stringify(record))) {
    expect({ place, ...(await generationOf(bytes)) }).toEqual({ place, ...expected });
  }
}

describe("other programs' records", () => {
  test("SwarmUI's metadata is read", async () => {
    const asked = {
      prompt: "a red fox & <friends>",
      negativeprompt: "watermark",
      model: "SDXL/sd_xl_base_1.0",
      seed: 123,
      steps: 20,
      cfgscale: 7.5,
      aspectratio: "Custom",
      width: 832,
      height: 1216,
      sampler: "dpmpp_2m",
      scheduler: "karras",
      loras: ["styles/ink.safetensors", "line"],
      loraweights: ["0.8", "-1"],
      swarm_version: "0.9.5.0",
    };
    const expected = {
      prompt: "a red fox & <friends>",
      negativePrompt: "watermark",
      modelName: "sd_xl_base_1.0",
      seed: 123,
      steps: 20,
      cfgScale: 7.5,
      scheduler: "dpmpp_2m_k",
      width: 832,
      height: 1216,
      loras: [
        { name: "ink", weight: 0.8 },
        { name: "line", weight: -1 },
      ],
    };
    const beside = { sui_extra_data: { date: "2025-01-25" }, sui_models: [] };
    await expectEverywhere({ sui_image_params: asked, ...beside }, expected);
    // Older versions have lists as strings, and other field names.
    const { sampler, scheduler, ...rest } = asked;
    const older = {
      ...rest,
      comfyuisampler: sampler,
      comfyuischeduler: scheduler,
      loras: "ink,line",
      loraweights: "0.8,-1",
      initimagecreativity: 0.6,
    };
    await expectEverywhere({ sui_image_params: older }, { ...expected, strength: 0.6 });
  });

  test("Fooocus' metadata is read, in either scheme", async () => {
    const record = {
      base_model: "juggernautXL",
      base_model_hash: "aeb7e9e689",
      clip_skip: 2,
      full_prompt: ["a red fox, film", "x"],
      guidance_scale: 4,
      lora_combined_1: "ink.safetensors : 0.5",
      loras: [["ink", 0.5, "abc"]],
      metadata_scheme: "fooocus",
      negative_prompt: "watermark",
      prompt: "a red fox",
      resolution: "(1152, 896)",
      sampler: "dpmpp_2m_sde_gpu",
      scheduler: "karras",
      seed: "3141592653",
      steps: 30,
      styles: "['Fooocus V2']",
    };
    const expected = {
      prompt: "a red fox",
      negativePrompt: "watermark",
      modelName: "juggernautXL",
      modelHash: "aeb7e9e689",
      seed: 3_141_592_653,
      steps: 30,
      cfgScale: 4,
      scheduler: "dpmpp_2m_sde_k",
      width: 1152,
      height: 896,
      clipSkip: 1,
      loras: [{ name: "ink", weight: 0.5 }],
    };
    await expectEverywhere(record, expected);
    const { loras: _, ...combined } = record;
    await expectEverywhere(combined, expected);
    expect(await generationOf(sayingJson("Comment", record))).toEqual(expected);
    const scheme = asText("fooocus_scheme", "a1111");
    expect(
      await generationOf(withPngChunks(png, scheme, asText("parameters", parameters))),
    ).toEqual(fromParameters);
  });

  const novelAi = {
    prompt: "a red fox",
    steps: 28,
    height: 1216,
    width: 832,
    scale: 5.5,
    uncond_scale: 0,
    seed: 123,
    noise_schedule: "karras",
    sampler: "k_euler_ancestral",
    uc: "watermark",
    strength: 0.7,
    noise: 0.1,
    request_type: "PromptGenerateRequest",
  };
  const fromNovelAi = {
    prompt: "a red fox",
    negativePrompt: "watermark",
    modelName: "NovelAI Diffusion V4.5",
    seed: 123,
    steps: 28,
    cfgScale: 5.5,
    scheduler: "euler_ancestral karras",
    width: 832,
    height: 1216,
  };
  const novelAiPng = (comment: object) =>
    withPngChunks(
      png,
      asText("Software", "NovelAI"),
      asText("Description", "a red fox"),
      asText("Source", "NovelAI Diffusion V4.5"),
      asInternational("Comment", JSON.stringify(comment)),
    );

  test("NovelAI's metadata is read, with a strength only when there was a source picture", async () => {
    expect(await generationOf(novelAiPng(novelAi))).toEqual(fromNovelAi);
    const { prompt: _, ...without } = novelAi;
    expect(await generationOf(novelAiPng(without))).toEqual(fromNovelAi);
    const again = { ...novelAi, request_type: "Img2ImgRequest" };
    expect(await generationOf(novelAiPng(again))).toEqual({ ...fromNovelAi, strength: 0.7 });
    const whole = {
      Software: "NovelAI",
      Source: "NovelAI Diffusion V4.5",
      Description: "a red fox",
      Comment: JSON.stringify(novelAi),
    };
    await expectEverywhere(whole, fromNovelAi);
  });

  test("NovelAI's character prompts are part of both prompts", async () => {
    const v4 = (base: string, ...characters: string[]) => ({
      caption: {
        base_caption: base,
        char_captions: characters.map((text) => ({ char_caption: text, centers: [] })),
      },
    });
    const comment = {
      ...novelAi,
      v4_prompt: v4("a forest", "a red fox", "", "a hare"),
      v4_negative_prompt: v4("watermark", "", "hat"),
    };
    expect(await generationOf(novelAiPng(comment))).toMatchObject({
      prompt: "a forest, a red fox, a hare",
      negativePrompt: "watermark, hat",
    });
  });

  test("Draw Things' are read", async () => {
    const record = {
      c: "a red fox",
      uc: "watermark",
      model: "sd_xl_base_1.0_f16.ckpt",
      sampler: "DPM++ 2M Karras",
      scale: 7,
      seed: 123,
      seed_mode: "Scale Alike",
      size: "832x1216",
      steps: 30,
      strength: 1,
      lora: [{ model: "ink_lora_f16.ckpt", weight: 0.6 }],
    };
    const expected = {
      prompt: "a red fox",
      negativePrompt: "watermark",
      modelName: "sd_xl_base_1.0_f16",
      seed: 123,
      steps: 30,
      cfgScale: 7,
      scheduler: "dpmpp_2m_k",
      width: 832,
      height: 1216,
      loras: [{ name: "ink_lora_f16", weight: 0.6 }],
    };
    await expectEverywhere(record, expected);
    await expectEverywhere({ ...record, strength: 0.4 }, { ...expected, strength: 0.4 });
  });

  test("an object of another program is ignored", async () => {
    for (const record of [{ prompt: "a question" }, { c: "x" }, { Comment: "{}" }, { uc: 5 }]) {
      await expectEverywhere(record, {});
    }
  });
});

describe("garbage in these blocks", () => {
  const generation = (record: object) =>
    generationOf(withPngChunks(png, asInternational("invokeai_metadata", JSON.stringify(record))));

  test.each([
    ["negative", -1],
    ["not whole", 1.5],
    ["beyond 2^53", 2 ** 53],
    ["a text", "7"],
    ["an object", { seed: 7 }],
    ["a list", [7]],
    ["null", null],
    ["true", true],
  ])("a seed that is %s is left out", async (_, seed) => {
    expect(await generation({ positive_prompt: "a", seed })).toEqual({ prompt: "a" });
  });

  test.each([
    { steps: 501 },
    { steps: 0 },
    { cfg_scale: -1 },
    { cfg_scale: 1e300 },
    { strength: 1.01 },
    { width: 0 },
    { height: 30_001 },
    { clip_skip: 25 },
    { scheduler: 5 },
    { model: "a name" },
    { model: { key: { deep: true }, name: ["x"] } },
    { loras: "all" },
    { loras: [null, 5, {}, { model: {}, weight: 1 }, { model: { name: "x" }, weight: 1e9 }] },
    { negative_prompt: "\0\0" },
  ])("%j is left out", async (fields) => {
    expect(await generation({ positive_prompt: "a", ...fields })).toEqual({ prompt: "a" });
  });

  test("a prompt is cut at 10 000 characters, without NUL and lone surrogates", async () => {
    const long = await generation({ positive_prompt: `${"x".repeat(9_999)}😀😀` });
    expect(long?.prompt).toBe("x".repeat(9_999));
    const odd = await generation({ positive_prompt: "a\0b\ud800c\u001b[31m" });
    expect(odd?.prompt).toBe("ab\ufffdc[31m");
  });

  test("numbers that JSON does not allow, in A1111's texts, are left out", async () => {
    for (const seed of ["-1", "NaN", "1e400", "99999999999999999999", "0x10", ""]) {
      const text = `a\nSteps: 20, Seed: ${seed}, Size: 99999x1, Denoising strength: 7`;
      expect(await generationOf(saying("parameters", text))).toEqual({
        prompt: "a",
        steps: 20,
        height: 1,
      });
    }
  });

  test.each([
    ["no JSON", saying.bind(null, "prompt", "{"), undefined],
    ["a list", saying.bind(null, "prompt", "[]"), undefined],
    ["nothing", saying.bind(null, "parameters", ""), undefined],
    ["bytes", saying.bind(null, "parameters", "\xff\xfe\x00\x01"), undefined],
    ["no text", saying.bind(null, "Dream", '"'), undefined],
  ])("%s is ignored", async (_, make, expected) => {
    expect(await generationOf(make())).toEqual(expected as undefined);
  });

  test("texts crafted to be slow are read quickly", async () => {
    const megabyte = 1_000_000;
    const slow = [
      ["parameters", "<lora:".repeat(megabyte / 6) + "\nSteps: 1"],
      ["parameters", "a\nSteps: 1," + "x ".repeat(30_000)],
      ["parameters", "a\nSteps: 1," + '"\\'.repeat(30_000)],
      ["parameters", "\n".repeat(megabyte) + "Steps: 1"],
      ["Dream", '"' + '" -'.repeat(megabyte / 3)],
      ["Dream", '"" ' + "-s ".repeat(megabyte / 3)],
      ["prompt", `{"a":[${"NaN,".repeat(megabyte / 4)}0]}`],
      ["prompt", `{"a":${"[".repeat(megabyte)}`],
      ["prompt", `{${" ".repeat(megabyte)}`],
      ["parameters", "Steps:\n".repeat(megabyte / 7)],
      ["parameters", "a\nSteps: 1," + 'a:"\\",'.repeat(10_000)],
      ["XML:com.adobe.xmp", "<a ".repeat(megabyte / 3)],
      ["XML:com.adobe.xmp", `<${"a".repeat(megabyte)}`],
      ["XML:com.adobe.xmp", `<a ${"b".repeat(megabyte)}>`],
      ["XML:com.adobe.xmp", `<a ${'b="'.repeat(megabyte / 3)}`],
      ["XML:com.adobe.xmp", `<a b${" ".repeat(megabyte)}>`],
      ["XML:com.adobe.xmp", "<!--".repeat(megabyte / 4)],
      ["Raw profile type exif", `exif 5 ${"0 ".repeat(megabyte / 2)}`],
    ] as const;
    for (const [keyword, text] of slow) {
      const bytes = withPngChunks(png, asZipped(keyword, text));
      const spentMs = await processorMs(() => generationOf(bytes));
      expect({ keyword, isLinear: spentMs < 5_000 }).toEqual({ keyword, isLinear: true });
    }
  }, 60_000);

  test("a graph of ten thousand samplers in a ring is read quickly", async () => {
    const nodes = Array.from({ length: 10_000 }, (_, at) => [
      String(at),
      { class_type: "Sampler", inputs: { latent_image: [String((at + 1) % 10_000), 0] } },
    ]);
    const bytes = sayingJson("prompt", Object.fromEntries(nodes));
    expect(await processorMs(() => generationOf(bytes))).toBeLessThan(5_000);
  });
});
