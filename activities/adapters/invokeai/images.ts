import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import type { Http, Sink } from "../http";
import { markKey, markOf } from "./graphs/placement";
import { outputKey } from "./graphs/recipe-placement";
import type { BatchImage, GalleryImage, StoredImage } from "./types";
import {
  type GalleryImage as GalleryImageOnWire,
  GalleryImages,
  GalleryPage,
  Image,
  ImageList,
  ImageNames,
  Metadata,
  parseAnswer,
  parseMoment,
} from "./wire";

/** The server's page limit; a batch is far smaller. */
const maxImages = 1000;

/** Calls about images on the server. */
export function createImageCalls(http: Http) {
  return {
    /**
     * Uploads an image for use in a graph; returns its name. The server re-encodes it as PNG and drops EXIF orientation and
     * colour profile: apply both before.
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
     * The images of a batch on the server, found by the mark in their metadata: includes images whose item was interrupted,
     * deleted or forgotten.
     */
    async findBatchImages(batchId: string, signal?: AbortSignal): Promise<BatchImage[]> {
      const mark = markOf(batchId);
      const query = {
        image_origin: "internal",
        is_intermediate: false,
        search_term: mark,
        limit: maxImages,
        offset: 0,
        order_dir: "ASC",
      };
      const answer = await http.readJson({ path: "/api/v1/images/", query }, signal);
      const images: BatchImage[] = [];
      for (const { image_name: imageName } of parseAnswer(ImageList, answer).items) {
        const path = `/api/v1/images/i/${encodeURIComponent(imageName)}/metadata`;
        const metadata = await http.readJson({ path }, signal);
        if (!Value.Check(Metadata, metadata) || metadata[markKey] !== mark) continue;
        images.push({ imageName, seed: metadata.seed, output: metadata[outputKey] ?? 0 });
      }
      return images;
    },

    /** The images that InvokeAI's gallery shows, starred ones first, then newest first. Intermediate ones are left out. */
    async listGallery(
      signal?: AbortSignal,
    ): Promise<{ imageNames: string[]; starred: ReadonlySet<string> }> {
      const query = { is_intermediate: false, starred_first: true, order_dir: "DESC" };
      const answer = await http.readJson({ path: "/api/v1/images/names", query }, signal);
      const { image_names: imageNames, starred_count } = parseAnswer(ImageNames, answer);
      return { imageNames, starred: new Set(imageNames.slice(0, starred_count)) };
    },

    /** The newest images of InvokeAI's gallery, newest first. */
    async listNewest(limit: number, signal?: AbortSignal): Promise<GalleryImage[]> {
      const query = { is_intermediate: false, starred_first: false, order_dir: "DESC", limit };
      const answer = await http.readJson({ path: "/api/v1/images/", query }, signal);
      return parseAnswer(GalleryPage, answer).items.map(toGalleryImage);
    },

    /** These images; one that no longer exists is missing. */
    async getGalleryImages(imageNames: string[], signal?: AbortSignal): Promise<GalleryImage[]> {
      const path = "/api/v1/images/images_by_names";
      const json = { image_names: imageNames };
      const answer = await http.readJson({ method: "POST", path, json }, signal);
      return parseAnswer(GalleryImages, answer).map(toGalleryImage);
    },

    /** Deletes an image permanently; succeeds if it does not exist. */
    async deleteImage(imageName: string, signal?: AbortSignal): Promise<void> {
      const path = `/api/v1/images/i/${encodeURIComponent(imageName)}`;
      try {
        await http.readJson({ method: "DELETE", path }, signal);
      } catch (error) {
        if (!(error instanceof ProviderError && error.fault === "missing")) throw error;
      }
    },

    /**
     * Writes the PNG as the server stores it, with prompt and graph in its text chunks. The right length does not prove that
     * it decodes.
     * @throws ProviderError `missing` when the file is gone, another one when it arrives incomplete
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

function toGalleryImage(image: Static<typeof GalleryImageOnWire>): GalleryImage {
  return {
    imageName: image.image_name,
    createdAt: parseMoment(image.created_at),
    isStarred: image.starred,
    boardId: image.board_id ?? null,
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
