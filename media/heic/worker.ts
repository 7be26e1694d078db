import createLibheif from "libheif-js/libheif-wasm/libheif-bundle.mjs";
import { allocateTiff } from "./tiff";

export type HeicOrder = Readonly<{
  path: string;
  /** As the header says, upright: what comes out is to have it. */
  width: number;
  height: number;
  profile: Uint8Array | undefined;
}>;

/** The picture as an uncompressed TIFF, or that there is none. */
export type HeicResult = { file: Uint8Array<ArrayBuffer> } | { file: null };

declare const self: Worker;

self.addEventListener("message", ({ data }: MessageEvent<HeicOrder>) => {
  void decode(data).then(
    (file) => self.postMessage({ file } satisfies HeicResult, file ? [file.buffer] : []),
    () => self.postMessage({ file: null } satisfies HeicResult),
  );
});

/** Decodes the primary picture: tiles joined, turned as the file says, eight bits a channel. */
async function decode(order: HeicOrder): Promise<Uint8Array<ArrayBuffer> | null> {
  const libheif = await createLibheif();
  const context = libheif.heif_context_alloc();
  const read = libheif.heif_context_read_from_memory(context, await Bun.file(order.path).bytes());
  if (read.code !== libheif.heif_error_code.heif_error_Ok) return null;
  const handle = libheif.heif_js_context_get_primary_image_handle(context);
  if ("code" in handle) return null;
  const hasAlpha = libheif.heif_image_handle_has_alpha_channel(handle) === 1;
  const { heif_chroma_interleaved_RGB, heif_chroma_interleaved_RGBA } = libheif.heif_chroma;
  const decoded = libheif.heif_js_decode_image2(
    handle,
    libheif.heif_colorspace.heif_colorspace_RGB,
    hasAlpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
  );
  const channel = "code" in decoded ? undefined : decoded.channels[0];
  if (channel?.width !== order.width || channel.height !== order.height) return null;

  const channels = hasAlpha ? 4 : 3;
  const { file, pixels } = allocateTiff({ ...order, channels }, order.profile);
  const rowBytes = order.width * channels;
  for (let row = 0; row < order.height; row += 1) {
    const from = row * channel.stride;
    pixels.set(channel.data.subarray(from, from + rowBytes), row * rowBytes);
  }
  return file;
}
