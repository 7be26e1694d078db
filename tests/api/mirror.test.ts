import { afterAll, expect, test } from "bun:test";
import { noteBoards } from "#db/queries/mirror/boards";
import { noteMirrorState } from "#db/queries/mirror/states";
import { createTestApi } from "#tests/support/api";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const missing = async () => {
  const [status, body] = await api.call("GET", "/backend/mirror");
  expect(status).toBe(200);
  return body.missing_boards;
};

test("the mirror names the chosen boards that InvokeAI does not have, once it was compared", async () => {
  const boards = ["Windmills", "Mils", "Harbours"];
  expect((await api.call("PATCH", "/settings", { backend: { mirror: { boards } } }))[0]).toBe(200);
  expect(await missing()).toBeUndefined();
  const now = new Date();
  await noteMirrorState(db, { backend: "local", now, comparedAt: now });
  const renamed = { boardId: "b", name: "Old harbours", chosenAs: "Harbours" };
  const chosen = { boardId: "a", name: "Windmills", chosenAs: "Windmills" };
  await noteBoards(db, { backend: "local", boards: [chosen, renamed] });
  expect(await missing()).toEqual(["Mils"]);
  await api.call("PATCH", "/settings", { backend: { mirror: "all" } });
  expect(await missing()).toBeUndefined();
});
