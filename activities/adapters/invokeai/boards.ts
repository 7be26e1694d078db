import type { Http } from "../http";
import { Board, BoardImages, Boards, parseAnswer } from "./wire";

const path = "/api/v1/boards/";

/** Calls about the boards of InvokeAI's gallery. */
export function createBoardCalls(http: Http) {
  async function listBoards(signal?: AbortSignal): Promise<{ boardId: string; name: string }[]> {
    const listed = await http.readJson({ path, query: { all: true } }, signal);
    return parseAnswer(Boards, listed).map(({ board_id, board_name }) => ({
      boardId: board_id,
      name: board_name,
    }));
  }

  return {
    listBoards,

    /** The names of the images on a board. @throws ProviderError `missing` */
    async listBoardImages(boardId: string, signal?: AbortSignal): Promise<string[]> {
      const request = {
        path: `${path}${encodeURIComponent(boardId)}/image_names`,
        query: { is_intermediate: false },
      };
      return parseAnswer(BoardImages, await http.readJson(request, signal));
    },

    /** The id of the board with this name, which is created if it does not exist. */
    async ensureBoard(name: string, signal?: AbortSignal): Promise<string> {
      const known = (await listBoards(signal)).find((board) => board.name === name);
      if (known) return known.boardId;
      const request = { method: "POST", path, query: { board_name: name } } as const;
      return parseAnswer(Board, await http.readJson(request, signal)).board_id;
    },
  };
}
