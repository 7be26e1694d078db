import type { Static } from "@sinclair/typebox";
import { ProviderError } from "#errors";
import type { Http, Sink } from "../http";
import type { StoredImage } from "./types";
import { Image, ImageList, parseAnswer, parseMoment } from "./wire";

/** The server's own limit of one page. */
const newestImages = 1000;

/** Calls about images on the server. */
export function createImageCalls(http: Http) {
  return {
    /**
     * Uploads a picture for use in a graph and answers its name. The server re-encodes it as PNG
     * and drops EXIF orientation and colour profile: turn and convert it before.
     */
    async uploadImage(
      picture: { bytes: Blob; filename: string; mimeType: string },
      signal?: AbortSignal,
    ): Promise<string> {
      const form = new FormData();
      form.append("file", new Blob([picture.bytes], { type: picture.mimeType }), picture.filename);
      const answer = await http.readJson(
        {
          method: "POST",
          path: "/api/v1/images/upload",
          query: { image_category: "user", is_intermediate: true },
          form,
          formBytes: picture.bytes.size,
        },
        signal,
      );
      return parseAnswer(Image, answer).image_name;
    },

    /** @throws ProviderError `missing` */
    async getImage(imageName: string, signal?: AbortSignal): Promise<StoredImage> {
      const path = `/api/v1/images/i/${encodeURIComponent(imageName)}`;
      return toImage(parseAnswer(Image, await http.readJson({ path }, signal)));
    },

    /**
     * Images that runs of these sessions saved, among the newest thousand of the server. Finds what
     * was saved just before a crash, which no item names.
     */
    async findImagesBySession(
      sessionIds: readonly string[],
      signal?: AbortSignal,
    ): Promise<StoredImage[]> {
      const query = {
        is_intermediate: false,
        limit: newestImages,
        offset: 0,
        order_dir: "DESC",
        // On by default: old favourites would fill the page.
        starred_first: false,
      };
      const answer = await http.readJson({ path: "/api/v1/images/", query }, signal);
      return parseAnswer(ImageList, answer)
        .items.map(toImage)
        .filter(({ sessionId }) => sessionId !== null && sessionIds.includes(sessionId));
    },

    /** Deletes an image for good; one that is not there is fine. */
    async deleteImage(imageName: string, signal?: AbortSignal): Promise<void> {
      const path = `/api/v1/images/i/${encodeURIComponent(imageName)}`;
      try {
        await http.readJson({ method: "DELETE", path }, signal);
      } catch (error) {
        if (!(error instanceof ProviderError && error.fault === "missing")) throw error;
      }
    },

    /**
     * Writes the PNG as the server stores it, prompt and graph in its text chunks included. That it
     * has its whole length does not prove that it decodes.
     * @throws ProviderError `missing` when the file is gone, another one when it does not come whole
     */
    downloadImage(
      download: { imageName: string; sink: Sink; maxBytes: number },
      signal?: AbortSignal,
    ): Promise<{ bytes: number }> {
      const { imageName, sink, maxBytes } = download;
      const path = `/api/v1/images/i/${encodeURIComponent(imageName)}/full`;
      return http.download({ path, accept: "image/png", maxBytes }, sink, signal);
    },
  };
}

function toImage(image: Static<typeof Image>): StoredImage {
  return {
    imageName: image.image_name,
    width: image.width,
    height: image.height,
    isIntermediate: image.is_intermediate,
    sessionId: image.session_id ?? null,
    createdAt: parseMoment(image.created_at),
  };
}
