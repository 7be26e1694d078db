import { expect } from "bun:test";
import { examine } from "./examine.ts";
import { blankGraph } from "./graphs.ts";
import { newBatchId, outputImage } from "./target.ts";

type Board = { board_id: string; board_name: string };

await examine((target, promised) => {
  /** The board of a blank picture whose node names `boardId`. */
  async function boardOfPicture(boardId: string): Promise<unknown> {
    const batchId = newBatchId();
    const graph = blankGraph({ board: { board_id: boardId } });
    await target.enqueue({ batch_id: batchId, graph });
    const [item] = await target.finishedItems(batchId);
    const name = item && outputImage(item);
    return (await target.call("GET", `/api/v1/images/i/${name}`)).json.board_id;
  }

  promised("a board is made by its name in the query and listed with all others", [], async () => {
    const name = newBatchId();
    const made = await target.makeBoard(name);
    expect(made.status).toBe(201);
    expect(made.json.board_name).toBe(name);
    const { json } = await target.call("GET", "/api/v1/boards/?all=true");
    const ids = (json as Board[]).filter(({ board_name }) => board_name === name);
    expect(ids.map(({ board_id }) => board_id)).toEqual([made.json.board_id]);
  });

  promised("two boards may have one name", [], async () => {
    const name = newBatchId();
    const [one, two] = [await target.makeBoard(name), await target.makeBoard(name)];
    expect(two.status).toBe(201);
    expect(two.json.board_id).not.toBe(one.json.board_id);
  });

  promised("a list of boards that names neither all nor a page is 400", [], async () => {
    expect((await target.call("GET", "/api/v1/boards/")).status).toBe(400);
  });

  promised("a picture goes to the board that its node names", [], async () => {
    const { json } = await target.makeBoard(newBatchId());
    expect(await boardOfPicture(json.board_id)).toBe(json.board_id);
  });

  promised("an unknown board leaves the picture without one", [], async () => {
    expect((await boardOfPicture(crypto.randomUUID())) ?? null).toBeNull();
  });
});
