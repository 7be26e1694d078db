/**
 * Pictures that an image is generated with, besides its source: their roles, and what carries each of them in InvokeAI.
 * Imports nothing, so that every folder may import it.
 */

/**
 * `edit`: the picture that the prompt speaks of. `style` and `composition`: what the image takes over from it. `control`: a
 * map that the image follows, such as edges.
 */
export const referenceRoles = ["edit", "style", "composition", "control"] as const;
export type ReferenceRole = (typeof referenceRoles)[number];

/** What makes a control map of a picture. Those that fetch weights do so when InvokeAI lacks them. */
export const preprocessors = {
  canny: { node: "canny_edge_detection", fetchesWeights: false },
  color_map: { node: "color_map", fetchesWeights: false },
  shuffle: { node: "content_shuffle", fetchesWeights: false },
  face: { node: "mediapipe_face_detection", fetchesWeights: false },
  depth: { node: "depth_anything_depth_estimation", fetchesWeights: true },
  pose: { node: "dw_openpose_detection", fetchesWeights: true },
  hed: { node: "hed_edge_detection", fetchesWeights: true },
  lineart: { node: "lineart_edge_detection", fetchesWeights: true },
  lineart_anime: { node: "lineart_anime_edge_detection", fetchesWeights: true },
  mlsd: { node: "mlsd_detection", fetchesWeights: true },
  normal: { node: "normal_map", fetchesWeights: true },
  pidi: { node: "pidi_edge_detection", fetchesWeights: true },
} as const;
export type Preprocessor = keyof typeof preprocessors;
export const preprocessorNames = Object.keys(preprocessors) as Preprocessor[];

/** A reference of a step, complete: a field that its adapter does not have is absent. */
export type Reference = {
  imageId: string;
  role: ReferenceRole;
  /** 0: no influence. */
  weight?: number;
  /** The part of the sampling, 0 to 1, in which it has an influence. */
  begin?: number;
  end?: number;
  /** Absent: the picture is a control map already. */
  preprocessor?: Preprocessor;
  /** The model that carries it; absent: the main model does. */
  modelKey?: string;
  /** The model that reads the picture for it. */
  encoderKey?: string;
};

/** A kind of model that carries a reference, or reads it; as `ModelNeed`. */
export type AdapterNeed = {
  type: string;
  bases: string[];
  formats?: string[];
  names?: string[];
  title: string;
  source: string;
};

/** A role that a base has. */
export type AcceptedReference = {
  role: ReferenceRole;
  /** How many references of the role a step may have. */
  max: number;
  /** Kinds of models that carry it, best first; none: the main model does. */
  adapters: AdapterNeed[];
};

/** All references of a step together. */
export const maxReferences = 8;

type AdapterKind = {
  weight: { max: number; usual: number };
  /** How many references of a step it can carry, if that is less than its role may have. */
  max?: number;
  /** The end of its influence if a request has none; absent: it cannot be limited. */
  usualEnd?: number;
};

/** By InvokeAI's type of the model. The usual values are those of InvokeAI's page. */
export const adapterKinds: Readonly<Record<string, AdapterKind>> = {
  controlnet: { weight: { max: 2, usual: 0.75 }, usualEnd: 0.75 },
  t2i_adapter: { weight: { max: 2, usual: 0.75 }, usualEnd: 0.75 },
  ip_adapter: { weight: { max: 2, usual: 1 }, usualEnd: 1 },
  flux_redux: { weight: { max: 1, usual: 1 } },
  // It changes the shape of the model's weights, which works once.
  control_lora: { weight: { max: 2, usual: 0.75 }, max: 1 },
};

/** A model that reads the picture of a reference. InvokeAI finds it by its name, and fetches it if it is missing. */
const reader = (type: string, name: string, source: string): AdapterNeed => ({
  type,
  bases: ["any"],
  names: [name],
  title: `the image encoder "${name}"`,
  source,
});

export type ClipVision = "ViT-H" | "ViT-G" | "ViT-L";

const clipVisions: Readonly<Record<ClipVision, AdapterNeed>> = {
  "ViT-H": reader(
    "clip_vision",
    "IP Adapter SD1.5 Image Encoder",
    "InvokeAI/ip_adapter_sd_image_encoder",
  ),
  "ViT-G": reader(
    "clip_vision",
    "IP Adapter SDXL Image Encoder",
    "InvokeAI/ip_adapter_sdxl_image_encoder",
  ),
  "ViT-L": reader("clip_vision", "clip-vit-large-patch14", "InvokeAI/clip-vit-large-patch14"),
};

const siglip = reader(
  "siglip",
  "SigLIP - google/siglip-so400m-patch14-384",
  "google/siglip-so400m-patch14-384",
);

/** The encoder that an IP-Adapter was trained with. Only a few of SDXL were not with ViT-H. */
export function clipVisionOf({ base, name }: { base: string; name: string }): ClipVision {
  if (base === "flux") return "ViT-L";
  return base === "sdxl" && /vit[-_ ]?g|big[-_ ]?g/i.test(name) ? "ViT-G" : "ViT-H";
}

/** The encoder that a folder of an IP-Adapter names by its repository: it is looked up by the repository's own name. */
function encoderOfFolder(repository: string): AdapterNeed {
  const name = repository.split("/").at(-1)!.trim();
  return reader("clip_vision", name, repositoryAddress(repository.trim()));
}

/**
 * The same repository under its own name is installed from this address: `owner/name` may be installed already, under the
 * name by which single files look it up.
 */
const repositoryAddress = (repository: string): string =>
  /^[\w.-]+\/[\w.-]+$/.test(repository) ? `https://huggingface.co/${repository}` : repository;

/** The encoders that folders of IP-Adapters name, of those that are published for InvokeAI. */
const encodersOfFolders = [clipVisions["ViT-H"], clipVisions["ViT-G"]].map(({ source }) =>
  encoderOfFolder(source),
);

/** What an adapter needs beside it; undefined: nothing. */
export function readerOf(adapter: {
  type: string;
  base: string;
  name: string;
  imageEncoder?: string | null;
}): AdapterNeed | undefined {
  if (adapter.type === "flux_redux") return siglip;
  if (adapter.type !== "ip_adapter") return undefined;
  return adapter.imageEncoder == null
    ? clipVisions[clipVisionOf(adapter)]
    : encoderOfFolder(adapter.imageEncoder);
}

/** The kinds of models that adapters of these types may need beside them. */
export function readersFor(types: readonly string[]): AdapterNeed[] {
  return [
    ...(types.includes("ip_adapter") ? Object.values(clipVisions) : []),
    ...(types.includes("flux_redux") ? [siglip] : []),
  ];
}

/** The name under which a model has to be installed to be found; undefined: any. */
export function requiredIdentityOf(source: string): { name: string; type: string } | undefined {
  const needs = [...Object.values(clipVisions), ...encodersOfFolders, siglip];
  const found = needs.find((need) => need.source === source);
  const name = found?.names?.[0];
  return found && name !== undefined ? { name, type: found.type } : undefined;
}

/** The image encoder that a node of a graph looks up by its name; undefined: none. */
export function readerOfNode(node: Readonly<Record<string, unknown>>): AdapterNeed | undefined {
  if (node["type"] === "flux_redux") return siglip;
  if (node["type"] === "flux_ip_adapter") return clipVisions["ViT-L"];
  if (node["type"] !== "ip_adapter") return undefined;
  const vision = node["clip_vision_model"];
  return vision === "ViT-G" || vision === "ViT-L" ? clipVisions[vision] : clipVisions["ViT-H"];
}
