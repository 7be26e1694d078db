/**
 * Maps a sampler and its noise schedule, as named by AUTOMATIC1111 ("DPM++ 2M", "Karras") or ComfyUI ("dpmpp_2m",
 * "karras"), to InvokeAI's scheduler name; undefined when InvokeAI has no equivalent.
 */
export function schedulerNamed(sampler: string, schedule: string | undefined): string | undefined {
  const named = sampler.toLowerCase();
  // Older files, and ComfyUI nodes that write this format, have both in one name.
  const [, name = named, own] = /^(.*)[ _](karras|normal|simple)$/.exec(named) ?? [];
  const noise = own ?? schedule?.toLowerCase() ?? "automatic";
  const entry = known.get(name);
  if (!entry) return undefined;
  if (usual.includes(noise)) return entry.plain;
  return noise === "karras" && entry.hasKarras ? `${entry.plain}_k` : undefined;
}

/** Schedules that mean the sampler's default. */
const usual = ["automatic", "normal", "simple", "uniform"];

const withKarras: readonly (readonly [plain: string, ...names: string[]])[] = [
  ["deis"],
  ["lms"],
  ["heun"],
  ["euler"],
  ["kdpm_2", "dpm2", "dpm_2"],
  ["kdpm_2_a", "dpm2 a", "dpm_2_ancestral"],
  ["dpmpp_2s", "dpm++ 2s a", "dpmpp_2s_ancestral"],
  ["dpmpp_2m", "dpm++ 2m"],
  ["dpmpp_2m_sde", "dpm++ 2m sde", "dpmpp_2m_sde_gpu"],
  ["dpmpp_sde", "dpm++ sde", "dpmpp_sde_gpu"],
  ["unipc", "uni_pc"],
];

const withoutKarras: typeof withKarras = [
  ["euler_a", "euler a", "euler_ancestral"],
  ["ddim"],
  ["ddpm"],
  ["pndm", "plms"],
  ["lcm"],
  ["tcd"],
  ["er_sde"],
];

const known = new Map(
  [...withKarras, ...withoutKarras].flatMap((names) =>
    names.map((name) => [name, { plain: names[0], hasKarras: withKarras.includes(names) }]),
  ),
);
