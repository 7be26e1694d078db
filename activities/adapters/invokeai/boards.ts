import type { Http } from "../http";
import { Board, Boards, parseAnswer } from "./wire";

const path = "/api/v1/boards/";

/** Calls about the boards of InvokeAI's gallery. */
export function createBoardCalls(http: Http) {
  return {
    /** The id of the board with this name, which is created if it does not exist. */
    async ensureBoard(name: string, signal?: AbortSignal): Promise<string> {
      const listed = await http.readJson({ path, query: { all: true } }, signal);
      const known = parseAnswer(Boards, listed).find(({ board_name }) => board_name === name);
      if (known) return known.board_id;
      const request = { method: "POST", path, query: { board_name: name } } as const;
      return parseAnswer(Board, await http.readJson(request, signal)).board_id;
    },
  };
}
