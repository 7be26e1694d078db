import { detail, json } from "../answers.ts";
import type { ImageStore } from "../images.ts";
import type { Handlers } from "../router.ts";
import { missingField, ValidationFailure } from "../validation.ts";

/** Boards of the gallery: list all, create one, delete one. Names are not unique. */
export function createBoardHandlers(images: ImageStore): Handlers {
  const { boards } = images;
  const toJson = (board_id: string) => ({
    board_id,
    board_name: boards.get(board_id),
    archived: false,
  });

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

    deleteBoard({ params }) {
      const board_id = params.board ?? "";
      if (!boards.has(board_id)) return detail(404, "Board not found");
      images.deleteBoard(board_id);
      return json({ board_id, deleted_board_images: [], deleted_images: [] });
    },
  };
}
