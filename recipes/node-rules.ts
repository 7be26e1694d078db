/** What is known about a node type: it draws and computes only, or why a recipe may not hold it. */
export type NodeRule =
  | { kind: "plain" }
  /** The owner may allow it in the settings. */
  | { kind: "asks"; why: string }
  | { kind: "refused"; why: string };

const readsFiles = "reads files of InvokeAI's machine";
const writesFiles = "writes files on InvokeAI's machine";
const spendsMoney = "sends requests to a service that costs money";
const runsOthers = "runs another stored workflow, which nobody has checked";
const makesBatches =
  "makes several runs of one; make the recipe from its workflow, which turns it into a list";
const makesVideo = "works with video, not with pictures";
const opensAddresses = "fetches a model from the internet when InvokeAI lacks it";

const refused: ReadonlyMap<string, string> = new Map(
  Object.entries({
    [readsFiles]: "prompt_from_file",
    [writesFiles]: "save_image_to_file",
    [spendsMoney]:
      "alibabacloud_image_generation gemini_image_generation openai_image_generation seedream_image_generation",
    [runsOthers]: "call_saved_workflow workflow_return workflow_return_get workflow_return_value",
    [makesBatches]:
      "float_batch float_generator image_batch image_generator integer_batch integer_generator string_batch string_generator",
    [makesVideo]:
      "extract_video_range video video_concat video_frame_extract wan_l2v wan_video_denoise",
  }).flatMap(([why, types]) => types.split(" ").map((type) => [type, why] as const)),
);

const asking: ReadonlySet<string> = new Set(
  `depth_anything_depth_estimation dw_openpose_detection esrgan flux_ip_adapter flux_redux grounding_dino
  hed_edge_detection img_nsfw infill_lama ip_adapter lineart_anime_edge_detection lineart_edge_detection mlsd_detection
  normal_map pbr_maps pidi_edge_detection segment_anything`.split(/\s+/),
);

/**
 * The other types of InvokeAI 6.13 and 6.14, each read for what it does. A list of what is allowed, so that a type of a
 * later version or of an extension is asked for, whatever its name.
 */
const plain: ReadonlySet<string> = new Set(
  `add alpha_mask_to_tensor anima_denoise anima_denoise_meta anima_i2l anima_l2i anima_lllite
  anima_lora_collection_loader anima_lora_loader anima_model_loader anima_text_encoder apply_mask_to_image
  apply_tensor_mask_to_image blank_image boolean boolean_collection bounding_box calculate_image_tiles
  calculate_image_tiles_even_split calculate_image_tiles_min_overlap canny_edge_detection canvas_output
  canvas_paste_back canvas_v2_mask_and_crop clip_skip cogview4_denoise cogview4_i2l cogview4_l2i
  cogview4_model_loader cogview4_text_encoder collect color color_correct color_map compel conditioning
  conditioning_collection content_shuffle controlnet core_metadata create_denoise_mask create_gradient_mask
  crop_image_to_bounding_box crop_latents cv_inpaint decode_watermark denoise_latents denoise_latents_meta div
  dynamic_prompt ernie_image_denoise ernie_image_model_loader ernie_image_prompt_enhancer ernie_image_text_encoder
  ernie_image_vae_decode expand_mask_with_fade face_identifier face_mask_detection face_off float float_collection
  float_math float_range float_to_int flux2_denoise flux2_dev_lora_collection_loader flux2_dev_lora_loader
  flux2_dev_model_loader flux2_dev_text_encoder flux2_klein_lora_collection_loader flux2_klein_lora_loader
  flux2_klein_model_loader flux2_klein_text_encoder flux2_pid_decode flux2_vae_decode flux2_vae_encode
  flux_control_lora_loader flux_controlnet flux_denoise flux_denoise_meta flux_fill flux_kontext
  flux_kontext_image_prep flux_lora_collection_loader flux_lora_loader flux_model_loader flux_pid_decode
  flux_text_encoder flux_vae_decode flux_vae_encode freeu gemma2_encoder_loader get_image_mask_bounding_box
  heuristic_resize i2l ideal_size ideogram4_caption_builder ideogram4_denoise ideogram4_l2i ideogram4_model_loader
  ideogram4_text_encoder if image image_collection image_mask_to_tensor image_panel_layout img_blur img_chan
  img_channel_multiply img_channel_offset img_conv img_crop img_hue_adjust img_hue_adjust_oklch img_ilerp img_lerp
  img_mul img_noise img_pad_crop img_paste img_resize img_scale img_watermark infill_cv2 infill_patchmatch
  infill_rgba infill_tile integer integer_collection integer_math invert_tensor_mask invokeai_ealightness
  invokeai_img_blend invokeai_img_composite invokeai_img_dilate_erode invokeai_img_enhance
  invokeai_img_hue_adjust_plus invokeai_img_val_thresholds iterate krea2_conditioning_rebalance krea2_denoise
  krea2_lora_collection_loader krea2_lora_loader krea2_model_loader krea2_seed_variance krea2_style_reference
  krea2_text_encoder l2i latents latents_collection lblend llava_onevision_vllm lora_collection_loader lora_loader
  lora_selector lresize lscale main_model_loader mask_combine mask_edge mask_from_id mediapipe_face_detection
  merge_metadata merge_tiles_to_image metadata metadata_field_extractor metadata_from_image metadata_item
  metadata_item_linked metadata_to_bool metadata_to_bool_collection metadata_to_controlnets metadata_to_float
  metadata_to_float_collection metadata_to_integer metadata_to_integer_collection metadata_to_ip_adapters
  metadata_to_lora_collection metadata_to_loras metadata_to_model metadata_to_scheduler metadata_to_sdlx_loras
  metadata_to_sdxl_model metadata_to_string metadata_to_string_collection metadata_to_t2i_adapters metadata_to_vae
  model_identifier mul noise pair_tile_image paste_image_into_bounding_box pid_decoder_loader pid_upscale
  prompt_template qwen_image_denoise qwen_image_i2l qwen_image_l2i qwen_image_lora_collection_loader
  qwen_image_lora_loader qwen_image_model_loader qwen_image_pid_decode qwen_image_text_encoder rand_float rand_int
  random_range range range_of_size rectangle_mask round_float save_image scheduler sd3_denoise sd3_i2l sd3_l2i
  sd3_model_loader sd3_pid_decode sd3_text_encoder sdxl_compel_prompt sdxl_lora_collection_loader sdxl_lora_loader
  sdxl_model_loader sdxl_pid_decode sdxl_refiner_compel_prompt sdxl_refiner_model_loader seamless show_image
  spandrel_image_to_image spandrel_image_to_image_autoscale string string_collection string_join string_join_three
  string_replace string_split string_split_neg sub t2i_adapter tensor_mask_to_image text_llm text_llm_with_preset
  tile_to_properties tiled_multi_diffusion_denoise_latents tomask unsharp_mask unsharp_mask_oklab vae_loader
  wan_denoise wan_i2l wan_i2v_ideal_dimensions wan_l2i wan_lora_collection_loader wan_lora_loader wan_model_loader
  wan_ref_image_encoder wan_text_encoder wan_ti2v_ideal_dimensions z_image_control z_image_denoise
  z_image_denoise_meta z_image_i2l z_image_l2i z_image_lora_collection_loader z_image_lora_loader
  z_image_model_loader z_image_pid_decode z_image_seed_variance_enhancer z_image_text_encoder`.split(
    /\s+/,
  ),
);

/** InvokeAI's own name in the records of its node types; an extension has its own. */
const ownPack = "invokeai";

/** @param pack of the type on the server; undefined where it is not known */
export function ruleOf(type: string, pack?: string): NodeRule {
  const why = refused.get(type);
  // Also if an extension has taken the name.
  if (why !== undefined) return { kind: "refused", why };
  if (asking.has(type)) return { kind: "asks", why: opensAddresses };
  const isForeign = pack !== undefined && pack !== ownPack;
  if (isForeign || !plain.has(type)) {
    return { kind: "asks", why: "belongs to an extension or to another version of InvokeAI" };
  }
  return { kind: "plain" };
}

/** Why a recipe may not hold a node of this type, in words that follow its name; undefined: it may. */
export function refusalOf(
  node: { type: string; pack?: string | undefined },
  allowed: readonly string[],
): string | undefined {
  const rule = ruleOf(node.type, node.pack);
  if (rule.kind === "plain") return undefined;
  if (rule.kind === "refused") {
    return rule.why === makesBatches ? rule.why : `${rule.why}; remove it from the workflow`;
  }
  if (allowed.includes(node.type)) return undefined;
  return `${rule.why}; to allow it, add "${node.type}" to the setting generation.allowed_node_types`;
}
