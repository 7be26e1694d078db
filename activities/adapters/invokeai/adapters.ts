import {
  type AcceptedReference,
  type AdapterNeed,
  maxReferences,
  type ReferenceRole,
} from "#generation-references";

// The sources are those of InvokeAI's own starter models.

const controlNet = (base: string, source: string): AdapterNeed => ({
  type: "controlnet",
  bases: [base],
  title: `a ControlNet for ${base}`,
  source,
});

const t2iAdapter = (base: string, source: string): AdapterNeed => ({
  type: "t2i_adapter",
  bases: [base],
  title: `a T2I-Adapter for ${base}`,
  source,
});

/** `invokeai` is a folder, which names its image encoder. */
const ipAdapter = (base: string, source: string): AdapterNeed => ({
  type: "ip_adapter",
  bases: [base],
  formats: base === "flux" ? ["checkpoint"] : ["checkpoint", "invokeai"],
  title: `an IP-Adapter for ${base}`,
  source,
});

/** A LoRA that makes FLUX dev see a map. */
const controlLora: AdapterNeed = {
  type: "control_lora",
  bases: ["flux"],
  title: "a control LoRA for flux",
  source: "black-forest-labs/FLUX.1-Canny-dev-lora::flux1-canny-dev-lora.safetensors",
};

const redux: AdapterNeed = {
  type: "flux_redux",
  bases: ["flux"],
  title: "FLUX Redux",
  source: "black-forest-labs/FLUX.1-Redux-dev::flux1-redux-dev.safetensors",
};

const fluxControlNet = controlNet("flux", "InstantX/FLUX.1-dev-Controlnet-Union");

/** What these take over cannot be limited to the composition. */
const fluxStyle = role("style", [
  redux,
  ipAdapter(
    "flux",
    "https://huggingface.co/XLabs-AI/flux-ip-adapter-v2/resolve/main/ip_adapter.safetensors",
  ),
]);

const ofStableDiffusion = (adapters: {
  ip: AdapterNeed;
  control: AdapterNeed[];
}): AcceptedReference[] => [
  role("style", [adapters.ip]),
  role("composition", [adapters.ip]),
  role("control", adapters.control),
];

function role(
  name: ReferenceRole,
  adapters: AdapterNeed[],
  max = maxReferences,
): AcceptedReference {
  return { role: name, max, adapters };
}

/** The roles of bases whose references are carried by models of their own. */
export const adapterRoles = {
  "sd-1": ofStableDiffusion({
    ip: ipAdapter(
      "sd-1",
      "https://huggingface.co/InvokeAI/ip_adapter_sd15/resolve/main/ip-adapter_sd15.safetensors",
    ),
    control: [
      controlNet("sd-1", "lllyasviel/control_v11p_sd15_canny"),
      t2iAdapter("sd-1", "TencentARC/t2iadapter_canny_sd15v2"),
    ],
  }),
  // IP-Adapters of this base have no parts for style and composition.
  "sd-2": [role("control", [controlNet("sd-2", "thibaud/controlnet-sd21-canny-diffusers")])],
  sdxl: ofStableDiffusion({
    ip: ipAdapter(
      "sdxl",
      "https://huggingface.co/InvokeAI/ip_adapter_sdxl_vit_h/resolve/main/ip-adapter_sdxl_vit-h.safetensors",
    ),
    control: [
      controlNet("sdxl", "InvokeAI/Xinsir-SDXL_Controlnet_Union"),
      t2iAdapter("sdxl", "TencentARC/t2i-adapter-canny-sdxl-1.0"),
    ],
  }),
  flux: [fluxStyle, role("control", [fluxControlNet, controlLora])],
  // Its sampler refuses a control LoRA.
  "flux schnell": [fluxStyle, role("control", [fluxControlNet])],
  // Its sampler takes one.
  "z-image": [
    role(
      "control",
      [
        controlNet(
          "z-image",
          "https://huggingface.co/alibaba-pai/Z-Image-Turbo-Fun-Controlnet-Union-2.1/resolve/main/Z-Image-Turbo-Fun-Controlnet-Union-2.1-8steps.safetensors",
        ),
      ],
      1,
    ),
  ],
} satisfies Record<string, AcceptedReference[]>;

/** Of models that change a picture in words. */
export const edits: AcceptedReference[] = [role("edit", [])];
