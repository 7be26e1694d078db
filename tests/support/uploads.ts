import { painted } from "#tests/fixtures/pictures";
import type { TestApi } from "./api";

type Json = Record<string, any>;

/** A form as a browser sends it; a list repeats its field. */
export function formOf(
  files: { bytes: Uint8Array; name?: string; type?: string }[],
  fields: Record<string, string | string[]> = {},
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) form.append(name, one);
  }
  for (const { bytes, name = "photo.png", type = "image/png" } of files) {
    form.append("file", new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), name);
  }
  return form;
}

/** A small picture; each `shade` gives a different file. */
export function pngOfShade(shade: number): Promise<Buffer> {
  return painted(64, 48)
    .tint({ r: shade % 256, g: (shade >> 8) % 256, b: 128 })
    .png()
    .withMetadata({ exif: { IFD0: { ImageDescription: `shade ${shade}` } } })
    .toBuffer();
}

/** Uploads a form; returns status, body and headers. */
export async function upload(
  api: Pick<TestApi, "request">,
  form: FormData,
  options: { headers?: Record<string, string>; query?: string } = {},
): Promise<{ status: number; body: Json; headers: Headers }> {
  const response = await api.request(`/api/v1/photos${options.query ?? ""}`, {
    method: "POST",
    body: form,
    headers: options.headers ?? {},
  });
  return {
    status: response.status,
    body: (await response.json()) as Json,
    headers: response.headers,
  };
}

/** Uploads one photo. */
export async function uploadedPhoto(
  api: TestApi,
  shade: number,
  name = "photo.png",
): Promise<Json> {
  const { body } = await upload(api, formOf([{ bytes: await pngOfShade(shade), name }]));
  return body;
}

/** Builds the bytes of a form, also malformed ones. */
export function rawForm(
  parts: { headers: string[]; body: Uint8Array | string }[],
  boundary = "test-boundary",
): { body: Uint8Array; contentType: string } {
  const chunks = parts.flatMap(({ headers, body }) => [
    Buffer.from(`--${boundary}\r\n${headers.join("\r\n")}\r\n\r\n`),
    Buffer.from(body as string),
    Buffer.from("\r\n"),
  ]);
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return {
    body: Buffer.concat(chunks),
    contentType: `multipart/form-data; boundary=${boundary}`,
  };
}
