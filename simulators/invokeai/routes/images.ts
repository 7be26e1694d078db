import sharp from "sharp";
import { detail, json, type Answer } from "../answers.ts";
import type { ImageFilter, ImageRow } from "../images.ts";
import { readJson } from "../read-json.ts";
import type { Handlers } from "../router.ts";
import { requireList } from "../validation.ts";
import type { World } from "../world.ts";
import { createUploadHandler } from "./upload.ts";
import { imageToJson } from "../image-json.ts";

const listLimit = 1000;

/** Pictures: upload, list, read, delete. */
export function createImageHandlers(world: World): Handlers {
  const { images, nodeCache, traits } = world;

  async function withImage(
    name: string | undefined,
    act: (row: ImageRow) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    const row = images.find(name ?? "");
    return row === undefined ? detail(404, "Not Found") : act(row);
  }

  const full = (row: ImageRow) => readPicture(world, row);

  async function remove(names: string[]): Promise<Answer> {
    const deleted: string[] = [];
    for (const name of names) {
      if (await images.delete(name)) deleted.push(name);
      nodeCache.dropImage(name);
    }
    return json({
      affected_boards: deleted.length > 0 ? ["none"] : [],
      deleted_images: deleted,
      ...(traits.hasStrictImages && { failed_images: [] }),
    });
  }

  return {
    uploadImage: createUploadHandler(world),

    getImage: ({ params }) => withImage(params.name, (row) => json(imageToJson(row))),

    imageFull: ({ params }) => withImage(params.name, full),
    imageHead: ({ params }) => withImage(params.name, full),

    imageThumbnail: ({ params }) =>
      withImage(params.name, async (row) => ({
        status: 200,
        headers: { "content-type": "image/webp", "cache-control": "max-age=31536000" },
        body: await sharp(await images.readBytes(row.image_name))
          .resize(256, 256, { fit: "inside", withoutEnlargement: true })
          .webp()
          .toBuffer(),
      })),

    imageMetadata: ({ params }) =>
      withImage(params.name, ({ metadata }) =>
        json(metadata === null ? null : JSON.parse(metadata)),
      ),

    listImages({ url }) {
      const filter = readFilter(url.searchParams);
      if (traits.hasStrictImages && filter.limit > listLimit) return limitFault(filter.limit);
      const { rows, total } = images.list(filter);
      const { limit, offset } = filter;
      return json({ limit, offset, total, items: rows.map(imageToJson) });
    },

    imageNames({ url }) {
      const filter = readFilter(url.searchParams);
      const { rows, total, starred } = images.list({ ...filter, limit: -1, offset: 0 });
      const image_names = rows.map(({ image_name }) => image_name);
      // Counted by the real server only if it sorts by them.
      const starred_count = filter.starredFirst ? starred : 0;
      return json({ image_names, starred_count, total_count: total });
    },

    imagesByNames(request) {
      const names = requireList(readJson(request), "image_names").map(String);
      const found = names.flatMap((name) => images.find(name) ?? []);
      return json(found.map(imageToJson));
    },

    changeImage: (request) =>
      withImage(request.params.name, ({ image_name }) => {
        const { starred } = readJson(request) as { starred?: boolean };
        if (starred !== undefined) images.change(image_name, { starred: Number(starred) });
        return json(imageToJson(images.find(image_name)!));
      }),

    deleteImage({ params }) {
      const name = params.name ?? "";
      const isRefused = traits.hasStrictImages && images.find(name) === undefined;
      return isRefused ? detail(404, "Image not found") : remove([name]);
    },

    deleteImages(request) {
      return remove(requireList(readJson(request), "image_names").map(String));
    },
  };
}

async function readPicture(world: World, row: ImageRow): Promise<Answer> {
  return {
    status: 200,
    headers: {
      "content-type": "image/png",
      "content-disposition": `inline; filename="${row.image_name}"`,
      "cache-control": "max-age=31536000",
    },
    body: await world.images.readBytes(row.image_name),
  };
}

function readFilter(query: URLSearchParams): ImageFilter {
  const isIntermediate = query.get("is_intermediate");
  return {
    origin: query.get("image_origin") ?? undefined,
    categories: query.getAll("categories"),
    isIntermediate: isIntermediate === null ? undefined : isIntermediate === "true",
    boardId: query.get("board_id") ?? undefined,
    searchTerm: query.get("search_term") ?? undefined,
    ascending: query.get("order_dir") === "ASC",
    starredFirst: query.get("starred_first") !== "false",
    offset: Number(query.get("offset") ?? 0),
    limit: Number(query.get("limit") ?? 10),
  };
}

function limitFault(limit: number): Answer {
  return detail(422, [
    {
      type: "less_than_equal",
      loc: ["query", "limit"],
      msg: `Input should be less than or equal to ${listLimit}`,
      input: String(limit),
      ctx: { le: listLimit },
    },
  ]);
}
