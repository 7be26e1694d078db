/** The part of libheif's bindings that is used here; the package's own declarations are for another build. */
declare module "libheif-js/libheif-wasm/libheif-bundle.mjs" {
  type Handle = { readonly brand: "handle" };
  type Context = { readonly brand: "context" };
  /** Enumeration values, kept opaque. */
  type Named = { readonly value: number };
  type Fault = { readonly code: Named };
  type Decoded = {
    readonly width: number;
    readonly height: number;
    readonly channels: readonly {
      readonly width: number;
      readonly height: number;
      /** Bytes from row to row. */
      readonly stride: number;
      readonly data: Uint8Array;
    }[];
  };

  export default function createLibheif(): Promise<{
    readonly heif_error_code: { readonly heif_error_Ok: Named };
    readonly heif_colorspace: { readonly heif_colorspace_RGB: Named };
    readonly heif_chroma: {
      readonly heif_chroma_interleaved_RGB: Named;
      readonly heif_chroma_interleaved_RGBA: Named;
    };
    heif_context_alloc(): Context;
    heif_context_read_from_memory(context: Context, bytes: Uint8Array): Fault;
    heif_js_context_get_primary_image_handle(context: Context): Handle | Fault;
    heif_image_handle_has_alpha_channel(handle: Handle): number;
    /** Pixels, after rotation. */
    heif_image_handle_get_width(handle: Handle): number;
    heif_image_handle_get_height(handle: Handle): number;
    /** Eight bits per channel, after rotation. */
    heif_js_decode_image2(handle: Handle, colours: Named, layout: Named): Decoded | Fault;
  }>;
}
