import { painted } from "#tests/fixtures/pictures";
import type { startApiProcess } from "./api-process";
import { createGalleryClient } from "./gallery";
import { insertAlbum } from "./rows";

type Api = Awaited<ReturnType<typeof startApiProcess>>;

let shade = 0;

/** Uploads different pictures in portrait and landscape. @returns their ids */
export async function uploadPictures(api: Pick<Api, "url">, count: number): Promise<string[]> {
  const client = createGalleryClient(api.url);
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const [width, height] = at % 2 === 0 ? [900, 600] : [600, 900];
    const tint = { r: 40 + ((shade += 37) % 200), g: 120, b: 200 - (shade % 150) };
    const bytes = await painted(width!, height!).tint(tint).jpeg().toBuffer();
    ids.push((await client.upload(bytes, `holiday-${at}.jpg`))["id"]);
  }
  return ids;
}

/** Creates an album of these photos and a link to it. `path` is the path of its page. */
export async function shareAlbum(
  api: Pick<Api, "url" | "database">,
  photoIds: string[],
  options: object = {},
) {
  const client = createGalleryClient(api.url);
  const albumId = await insertAlbum(api.database.db, photoIds, "Summer");
  const link = await client.post("/share", { album_id: albumId, ...options });
  const revoke = () => fetch(`${api.url}/api/v1/share/links/${link["id"]}`, { method: "DELETE" });
  const viewCount = async (): Promise<number> => {
    const { items } = await client.get("/share/links?limit=100");
    return items.find(({ id }: { id: string }) => id === link["id"]).view_count;
  };
  return { path: `/s/${link["access_key"]}/`, id: link["id"] as string, revoke, viewCount };
}
