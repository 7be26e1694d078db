import { detail, json } from "../answers.ts";
import type { ImageStore } from "../images.ts";
import { readJson } from "../read-json.ts";
import type { Handlers } from "../router.ts";
import { missingField, ValidationFailure } from "../validation.ts";

/** Boards of the gallery and the pictures on them. Names are not unique. */
export function createBoardHandlers(images: ImageStore): Handlers {
  const { boards } = images;
  const toJson = (board_id: string) => ({
    board_id,
    board_name: boards.get(board_id),
    archived: false,
    image_count: names(board_id).length,
  });

  const names = (boardId: string) =>
    images
      .list({
        categories: [],
        isIntermediate: false,
        boardId,
        ascending: true,
        starredFirst: false,
        offset: 0,
        limit: -1,
      })
      .rows.map(({ image_name }) => image_name);

  const place = (name: unknown, boardId: string | null) => {
    if (images.find(String(name)) === undefined) return detail(404, "Image not found");
    images.change(String(name), { board_id: boardId });
    return json({ affected_boards: [boardId ?? "none"] }, 201);
  };

  return {
    listBoards({ url }) {
      const isAsked = url.searchParams.has("all") || url.searchParams.has("limit");
      if (!isAsked)
        return detail(
          400,
          "Invalid request: Must provide either 'all' or both 'offset' and 'limit'",
        );
      return json([...boards.keys()].map(toJson));
    },

    createBoard({ url }) {
      const name = url.searchParams.get("board_name");
      if (name === null) throw new ValidationFailure([missingField(["query", "board_name"], null)]);
      const id = crypto.randomUUID();
      boards.set(id, name);
      return json(toJson(id), 201);
    },

    changeBoard(request) {
      const board_id = request.params.board ?? "";
      if (!boards.has(board_id)) return detail(404, "Board not found");
      const { board_name } = readJson(request) as { board_name?: string };
      if (board_name !== undefined) boards.set(board_id, board_name);
      return json(toJson(board_id), 201);
    },

    boardImages({ params }) {
      const board_id = params.board ?? "";
      if (board_id !== "none" && !boards.has(board_id)) return detail(404, "Board not found");
      return json(names(board_id));
    },

    addToBoard(request) {
      const { board_id, image_name } = readJson(request) as Record<string, unknown>;
      if (!boards.has(String(board_id))) return detail(404, "Board not found");
      return place(image_name, String(board_id));
    },

    removeFromBoard(request) {
      return place((readJson(request) as Record<string, unknown>).image_name, null);
    },

    deleteBoard({ params }) {
      const board_id = params.board ?? "";
      if (!boards.has(board_id)) return detail(404, "Board not found");
      images.deleteBoard(board_id);
      return json({ board_id, deleted_board_images: [], deleted_images: [] });
    },
  };
}
