/** `sdxl/base_1.0.safetensors` → `base_1.0`: folder and extension are not part of a model's name. */
export function fileStem(file: unknown): string | undefined {
  if (typeof file !== "string") return undefined;
  return file
    .slice(0, 1_000)
    .replace(/^.*[/\\]/s, "")
    .replace(/\.(?:safetensors|sft|ckpt|pt|pth|bin|gguf)$/i, "");
}
