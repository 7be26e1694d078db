import { main, mainDefaults, type ModelRecord, record, whole } from "./model-records.ts";

/** The models that a simulator has from the start. @param hasNewBases false: only those of bases that 6.13 knows */
export function standardModels(hasNewBases: boolean): ModelRecord[] {
  return [...knownModels(), ...(hasNewBases ? newModels() : [])];
}

function knownModels(): ModelRecord[] {
  return [
    main("Meadowlight v4", "sd-1", 2_132_625_894, {
      description: "Landscapes in soft daylight.",
      default_settings: {
        ...mainDefaults(512),
        scheduler: "dpmpp_2m_k",
        steps: 24,
        cfg_scale: 6.5,
      },
    }),
    main("Inkwell Diffusion", "sd-1", 4_265_380_512, { description: null }),
    main("Tidewater v2", "sd-2", 5_214_604_411, { description: null }),
    main("Northern Atlas XL", "sdxl", 6_938_078_334, {
      description: "Wide scenes with fine detail.",
    }),
    whole("Paper Lantern CV4", "cogview4", 31_212_045_992, null),
    main("Harbour Dev", "flux", 6_788_561_216, {
      format: "gguf_quantized",
      variant: "dev",
      default_settings: null,
    }),
    main("Harbour Quick", "flux", 6_652_194_816, {
      format: "checkpoint",
      variant: "schnell",
      default_settings: null,
    }),
    whole("Glass Orchard 3.5", "sd-3", 16_223_112_704, null),
    whole("Lantern Turbo Z", "z-image", 20_541_774_336, "turbo"),
    whole("Garden Q", "qwen-image", 57_704_591_360, "generate"),
    whole("Klein Harbour", "flux2", 16_102_551_552, "klein_4b"),
    whole("Garden Q Edit", "qwen-image", 57_704_591_360, "edit"),
    main("Harbour Kontext", "flux", 6_788_561_216, {
      format: "gguf_quantized",
      variant: "dev",
      default_settings: null,
    }),
    single("Klein Harbour 9B GGUF", "flux2", "klein_9b"),
    single("Lantern Z GGUF", "z-image", "turbo"),
    single("Garden Q GGUF", "qwen-image", "generate"),
    single("Paper Doll Anima", "anima", null),
    main("Meadowlight Inpainting", "sd-1", 2_132_699_190, { variant: "inpaint" }),
    main("Northern Atlas XL Inpainting", "sdxl", 6_938_160_014, { variant: "inpaint" }),
    main("Harbour Fill", "flux", 6_788_905_472, {
      format: "gguf_quantized",
      variant: "dev_fill",
      default_settings: null,
    }),
    main("Refined XL", "sdxl-refiner", 6_075_981_930, { description: null }),
    record("4x Clear Sight", "spandrel_image_to_image", "any", "checkpoint", 67_000_000, {}),
    record("Tiles for sd-1", "controlnet", "sd-1", "diffusers", 723_000_000, {
      default_settings: { preprocessor: null },
    }),
    record("Softer Colours VAE", "vae", "sd-1", "diffusers", 334_643_238, { cpu_only: null }),
    record("XL Clear VAE", "vae", "sdxl", "checkpoint", 334_641_162, { cpu_only: null }),
    record("Harbour VAE", "vae", "flux", "checkpoint", 335_304_388, { cpu_only: null }),
    record("Klein VAE", "vae", "flux2", "diffusers", 336_213_556, { cpu_only: null }),
    record("Garden VAE", "vae", "qwen-image", "checkpoint", 253_806_966, { cpu_only: null }),
    ...(["qwen3_06b", "qwen3_4b", "qwen3_8b"] as const).map((variant, at) =>
      record(
        `Qwen3 Encoder ${["0.6B", "4B", "8B"][at]}`,
        "qwen3_encoder",
        "any",
        "qwen3_encoder",
        8_045_000_000,
        {
          variant,
        },
      ),
    ),
    record("Qwen2.5-VL Encoder", "qwen_vl_encoder", "any", "qwen_vl_encoder", 16_584_000_000, {}),
    record("T5 Encoder int8", "t5_encoder", "any", "bnb_quantized_int8b", 5_230_141_440, {}),
    record("CLIP Embed L14", "clip_embed", "any", "diffusers", 246_144_352, { variant: "large" }),
    record("CLIP Embed G14", "clip_embed", "any", "diffusers", 1_389_382_176, {
      variant: "gigantic",
    }),
    ...adapters(),
    record("Woodcut Lines", "lora", "sd-1", "lycoris", 37_861_176, {
      trigger_phrases: ["woodcut"],
      default_settings: { weight: 0.8, weight_min: null, weight_max: null },
    }),
    record("Rain Lines", "lora", "flux", "lycoris", 153_268_392, {
      trigger_phrases: null,
      default_settings: { weight: null, weight_min: null, weight_max: null },
    }),
    ...["z-image", "qwen-image", "flux2", "anima"].map(linocut),
    record("Film Grain XL", "lora", "sdxl", "lycoris", 228_455_284, {
      trigger_phrases: null,
      default_settings: { weight: null, weight_min: null, weight_max: null },
    }),
  ];
}

/** What carries references, and what reads their pictures. */
function adapters(): ModelRecord[] {
  const controlNets = ["sd-1", "sd-2", "sdxl", "flux", "z-image"].map((base) =>
    record(`Edges for ${base}`, "controlnet", base, "checkpoint", 1_445_157_120, {
      default_settings: null,
    }),
  );
  return [
    ...controlNets,
    record("Depth for sd-1", "controlnet", "sd-1", "diffusers", 1_445_157_120, {
      default_settings: null,
    }),
    record("Sketch XL", "t2i_adapter", "sdxl", "diffusers", 158_060_976, {
      default_settings: null,
    }),
    ...["sd-1", "sdxl", "flux"].map((base) =>
      record(`Look for ${base}`, "ip_adapter", base, "checkpoint", 44_642_768, {}),
    ),
    record("Look in a folder for sd-1", "ip_adapter", "sd-1", "invokeai", 44_642_768, {
      image_encoder_model_id: "InvokeAI/ip_adapter_sd_image_encoder",
    }),
    record("Canny LoRA for flux", "control_lora", "flux", "lycoris", 1_244_443_944, {
      default_settings: null,
      trigger_phrases: null,
    }),
    record("FLUX Redux", "flux_redux", "flux", "checkpoint", 129_062_632, {}),
    ...[
      "IP Adapter SD1.5 Image Encoder",
      "ip_adapter_sd_image_encoder",
      "clip-vit-large-patch14",
    ].map((name) => record(name, "clip_vision", "any", "diffusers", 2_528_373_448, {})),
    record(
      "SigLIP - google/siglip-so400m-patch14-384",
      "siglip",
      "any",
      "diffusers",
      3_511_950_624,
      {},
    ),
  ];
}

/** Of bases that came with 6.14. */
function newModels(): ModelRecord[] {
  return [
    whole("Far Sails 14B", "wan", 42_011_770_880, "t2v_a14b"),
    whole("Klein Harbour Dev", "flux2", 112_000_000_000, "dev"),
    single("Klein Harbour Dev GGUF", "flux2", "dev"),
    whole("Quick Chalk", "krea-2", 24_500_000_000, "krea2_turbo"),
    single("Quick Chalk GGUF", "krea-2", "krea2_turbo"),
    whole("Clay Turbo", "ernie-image", 17_300_000_000, null),
    whole("Poster Press", "ideogram-4", 12_900_000_000, null),
    record("Mistral Encoder", "mistral_encoder", "any", "gguf_quantized", 10_200_000_000, {
      variant: "cow_mistral3_small",
    }),
    record("Qwen3-VL Encoder", "qwen3_vl_encoder", "any", "qwen3_vl_encoder", 8_900_000_000, {}),
    ...["krea-2", "wan"].map(linocut),
  ];
}

const linocut = (base: string): ModelRecord =>
  record(`Linocut for ${base}`, "lora", base, "lycoris", 153_268_392, {
    trigger_phrases: null,
    default_settings: { weight: null, weight_min: null, weight_max: null },
    ...(base === "flux2" && { variant: null }),
  });

/** A single file, which needs other models beside it. */
const single = (name: string, base: string, variant: string | null): ModelRecord =>
  main(name, base, 9_512_000_000, {
    format: base === "anima" ? "checkpoint" : "gguf_quantized",
    default_settings: null,
    variant,
  });
