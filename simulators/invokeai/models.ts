import type { Database } from "bun:sqlite";

/** A model as listed by `/api/v2/models/`; the other keys depend on its type. */
export type ModelRecord = {
  key: string;
  hash: string;
  name: string;
  base: string;
  type: string;
  format: string;
  [field: string]: unknown;
};

export type ModelCatalogue = ReturnType<typeof createModelCatalogue>;

/**
 * The installed models: a fixed set whose keys and hashes stay the same, or those in the database, which is empty for a
 * new server.
 */
export function createModelCatalogue(database?: Database) {
  let models = database === undefined ? standardModels() : readModels(database);
  const removed: ModelRecord[] = [];
  const withoutFiles = new Set<ModelRecord>();

  function keep(): void {
    if (database === undefined) return;
    database.transaction(() => {
      database.run("delete from models");
      const insert = database.query("insert into models (key, record) values (?, ?)");
      for (const model of models) insert.run(model.key, JSON.stringify(model));
    })();
  }

  function add(model: ModelRecord): ModelRecord {
    models = [...models, model];
    keep();
    return model;
  }

  return {
    list: (): ModelRecord[] => models,
    find: (key: string): ModelRecord | undefined => models.find((model) => model.key === key),
    add,
    /** Registered models whose files are gone. */
    missing: (): ModelRecord[] => models.filter((model) => withoutFiles.has(model)),
    loseFiles(key: string): void {
      const model = models.find((candidate) => candidate.key === key);
      if (model) withoutFiles.add(model);
    },
    /** Adds a LoRA, like an install. */
    install: (model: { name: string; base: string }): ModelRecord =>
      add(
        record(model.name, "lora", model.base, "lycoris", 37_861_176, {
          trigger_phrases: null,
          default_settings: null,
        }),
      ),
    remove(key: string): void {
      removed.push(...models.filter((model) => model.key === key));
      models = models.filter((model) => model.key !== key);
      keep();
    },
    /** Reinstalls the same weights under another key, even after a removal; undefined when there is no such model. */
    rekey(key: string): string | undefined {
      const model = [...models, ...removed].find((candidate) => candidate.key === key);
      if (model === undefined) return undefined;
      model.key = crypto.randomUUID();
      if (!models.includes(model)) models = [...models, model];
      keep();
      return model.key;
    },
  };
}

function readModels(database: Database): ModelRecord[] {
  return database
    .query<{ record: string }, []>("select record from models order by position")
    .all()
    .map((row) => JSON.parse(row.record) as ModelRecord);
}

function standardModels(): ModelRecord[] {
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
    whole("Far Sails 14B", "wan", 42_011_770_880, "t2v_a14b"),
    whole("Glass Orchard 3.5", "sd-3", 16_223_112_704, null),
    whole("Lantern Turbo Z", "z-image", 20_541_774_336, "turbo"),
    whole("Garden Q", "qwen-image", 57_704_591_360, "generate"),
    whole("Klein Harbour", "flux2", 16_102_551_552, "klein_4b"),
    record("4x Clear Sight", "spandrel_image_to_image", "any", "checkpoint", 67_000_000, {}),
    record("Softer Colours VAE", "vae", "sd-1", "diffusers", 334_643_238, { cpu_only: null }),
    record("XL Clear VAE", "vae", "sdxl", "checkpoint", 334_641_162, { cpu_only: null }),
    record("Harbour VAE", "vae", "flux", "checkpoint", 335_304_388, { cpu_only: null }),
    record("T5 Encoder int8", "t5_encoder", "any", "bnb_quantized_int8b", 5_230_141_440, {}),
    record("CLIP Embed L14", "clip_embed", "any", "diffusers", 246_144_352, { variant: "large" }),
    record("CLIP Embed G14", "clip_embed", "any", "diffusers", 1_389_382_176, {
      variant: "gigantic",
    }),
    record("Woodcut Lines", "lora", "sd-1", "lycoris", 37_861_176, {
      trigger_phrases: ["woodcut"],
      default_settings: { weight: 0.8, weight_min: null, weight_max: null },
    }),
    record("Rain Lines", "lora", "flux", "lycoris", 153_268_392, {
      trigger_phrases: null,
      default_settings: { weight: null, weight_min: null, weight_max: null },
    }),
    ...["z-image", "qwen-image", "flux2"].map((base) =>
      record(`Linocut for ${base}`, "lora", base, "lycoris", 153_268_392, {
        trigger_phrases: null,
        default_settings: { weight: null, weight_min: null, weight_max: null },
      }),
    ),
    record("Film Grain XL", "lora", "sdxl", "lycoris", 228_455_284, {
      trigger_phrases: null,
      default_settings: { weight: null, weight_min: null, weight_max: null },
    }),
  ];
}

/** A main model with the default settings of its base. */
export function main(
  name: string,
  base: string,
  fileSize: number,
  more: Record<string, unknown>,
): ModelRecord {
  const side = base === "sd-1" ? 512 : base === "sd-2" ? 768 : 1024;
  return record(name, "main", base, "diffusers", fileSize, {
    trigger_phrases: null,
    default_settings: mainDefaults(side),
    repo_variant: "fp16",
    prediction_type: "epsilon",
    variant: "normal",
    ...more,
  });
}

/** A folder that holds every part; InvokeAI writes no default settings for most of them. */
function whole(name: string, base: string, fileSize: number, variant: string | null): ModelRecord {
  return main(name, base, fileSize, { default_settings: null, variant });
}

function mainDefaults(side: number): Record<string, unknown> {
  return {
    vae: null,
    vae_precision: null,
    scheduler: null,
    steps: null,
    cfg_scale: null,
    cfg_rescale_multiplier: null,
    width: side,
    height: side,
    guidance: null,
    cpu_only: null,
    fp8_storage: null,
  };
}

/** A model whose key and hash follow from its name. */
export function record(
  name: string,
  type: string,
  base: string,
  format: string,
  fileSize: number,
  more: Record<string, unknown>,
): ModelRecord {
  const digest = (what: string) => new Bun.CryptoHasher("sha256").update(what).digest("hex");
  const id = digest(`key of ${name}`);
  const slug = name.toLowerCase().replaceAll(" ", "-");
  return {
    // Formatted like the real server's random UUIDs, but the same at every start.
    key: `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-a${id.slice(17, 20)}-${id.slice(20, 32)}`,
    hash: `blake3:${digest(`weights of ${name}`)}`,
    path: `${base}/${type}/${slug}`,
    file_size: fileSize,
    name,
    description: null,
    source: `example/${slug}`,
    source_type: "hf_repo_id",
    source_api_response: null,
    source_url: null,
    cover_image: null,
    type,
    format,
    base,
    ...more,
  };
}
