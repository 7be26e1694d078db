import createLibheif from "libheif-js/libheif-wasm/libheif-bundle.mjs";
import { allocateTiff } from "../tiff";
import { type HeifFacts, readHeifFacts } from "./facts";

export type HeifOrder =
  | Readonly<{ kind: "inspect"; path: string }>
  | Readonly<{
      kind: "decode";
      path: string;
      /** As in the header: the decoded picture must match it. */
      width: number;
      height: number;
      profile: Uint8Array | undefined;
    }>;

/** Upright, by the file's own rotation. */
export type HeifHeader = HeifFacts & Readonly<{ width: number; height: number; hasAlpha: boolean }>;

/** The result, or that there is no picture. */
export type HeifResult =
  | { header: HeifHeader; file?: undefined }
  /** An uncompressed TIFF. */
  | { file: Uint8Array<ArrayBuffer>; header?: undefined }
  | { header?: undefined; file?: undefined };

declare const self: Worker;

self.addEventListener("message", ({ data }: MessageEvent<HeifOrder>) => {
  void carryOut(data).then(
    (result) => self.postMessage(result, result.file ? [result.file.buffer] : []),
    () => self.postMessage({} satisfies HeifResult),
  );
});

async function carryOut(order: HeifOrder): Promise<HeifResult> {
  const libheif = await createLibheif();
  const bytes = Buffer.from(await Bun.file(order.path).arrayBuffer());
  const context = libheif.heif_context_alloc();
  const read = libheif.heif_context_read_from_memory(context, bytes);
  if (read.code !== libheif.heif_error_code.heif_error_Ok) return {};
  const handle = libheif.heif_js_context_get_primary_image_handle(context);
  if ("code" in handle) return {};
  const hasAlpha = libheif.heif_image_handle_has_alpha_channel(handle) === 1;
  if (order.kind === "inspect") {
    const width = libheif.heif_image_handle_get_width(handle);
    const height = libheif.heif_image_handle_get_height(handle);
    return { header: { ...readHeifFacts(bytes), width, height, hasAlpha } };
  }
  const { heif_chroma_interleaved_RGB, heif_chroma_interleaved_RGBA } = libheif.heif_chroma;
  const decoded = libheif.heif_js_decode_image2(
    handle,
    libheif.heif_colorspace.heif_colorspace_RGB,
    hasAlpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
  );
  const channel = "code" in decoded ? undefined : decoded.channels[0];
  if (channel?.width !== order.width || channel.height !== order.height) return {};
  const { width, height, stride, data } = channel;
  const channels = hasAlpha ? 4 : 3;
  const { file, pixels } = allocateTiff({ width, height, channels, depth: 8 }, order.profile);
  for (let row = 0; row < height; row += 1) {
    const from = row * stride;
    pixels.set(data.subarray(from, from + width * channels), row * width * channels);
  }
  return { file };
}
