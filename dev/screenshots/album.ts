import sharp from "sharp";
import { type ApiClient } from "#stack/demo/client";
import { paint } from "#simulators/invokeai/paint";

/** The subject of each picture, and its size. */
const scenes: [string, number, number][] = [
  ["a lake in the mountains at dawn", 1500, 1000],
  ["evening above the sea", 1000, 1400],
  ["a forest in spring", 1600, 1000],
  ["dunes of a golden desert", 1500, 1000],
  ["winter in the mountains", 1400, 1050],
  ["a boat on the blue ocean", 1500, 1000],
  ["a field of lavender", 1000, 1250],
  ["sunset at the harbour", 1900, 900],
  ["a meadow in the morning", 1400, 1050],
  ["night over the hills", 1500, 1000],
  ["a river through the woods", 1200, 1200],
  ["autumn in the valley", 1500, 1000],
  ["ice on the lake", 1000, 1400],
  ["the beach at noon", 1500, 1000],
  ["pink clouds before sunrise", 1600, 1000],
  ["stars above the sea", 1500, 1000],
  ["a green garden", 1400, 1050],
  ["fire of an evening sky", 1900, 900],
];

/**
 * Paints an album and uploads it.
 * @returns its id
 */
export async function uploadAlbum(api: ApiClient): Promise<string> {
  const ids: string[] = [];
  for (const [at, [prompt, width, height]] of scenes.entries()) {
    const painted = await paint({ prompt, seed: 40 + at, width, height });
    const jpeg = await sharp(painted).jpeg({ quality: 88 }).toBuffer();
    const form = new FormData();
    form.append("file", new File([new Uint8Array(jpeg)], `${at}.jpg`, { type: "image/jpeg" }));
    const title = prompt[0]!.toUpperCase() + prompt.slice(1);
    form.append("title", title);
    ids.push((await api.call<{ id: string }>("POST", "/photos", form)).id);
  }
  const album = await api.call<{ id: string }>("POST", "/albums", {
    name: "Two weeks in the north",
    description: "From the first morning at the lake to the last night by the sea.",
  });
  await api.call("POST", `/albums/${album.id}/photos`, { photo_ids: ids });
  return album.id;
}
