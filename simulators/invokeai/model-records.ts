import { sha256Of } from "#sha256";

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
export function whole(
  name: string,
  base: string,
  fileSize: number,
  variant: string | null,
): ModelRecord {
  return main(name, base, fileSize, { default_settings: null, variant });
}

export function mainDefaults(side: number): Record<string, unknown> {
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
  const id = sha256Of(`key of ${name}`);
  const slug = name.toLowerCase().replaceAll(" ", "-");
  return {
    // Formatted like the real server's random UUIDs, but the same at every start.
    key: `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-a${id.slice(17, 20)}-${id.slice(20, 32)}`,
    hash: `blake3:${sha256Of(`weights of ${name}`)}`,
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
