import { afterAll, expect, test } from "bun:test";
import type { InvokeAiClient } from "#activities/adapters/invokeai/client";
import { readRecipeSources } from "#activities/backend/read-recipe-sources";
import { libraryWorkflows } from "#db/schema/recipes";
import { createTestDatabase } from "#tests/support/database";

const database = await createTestDatabase();
const { db } = database;
afterAll(() => database.drop());

const workflows: Readonly<Record<string, object>> = {
  plain: { nodes: [] },
  large: { nodes: [], pad: "x".repeat(1024 * 1024) },
  unstorable: { nodes: [], name: "a\0b" },
};

test("a workflow of InvokeAI's library that is too large, or that the database cannot store, keeps no other away", async () => {
  const invokeai = {
    getVersion: async () => "6.14.2",
    readNodeTypes: async () => ({}),
    listWorkflows: async () =>
      Object.keys(workflows).map((workflowId) => ({
        workflowId,
        name: workflowId,
        description: "",
        category: "user",
        tags: "",
        version: "1",
      })),
    getWorkflow: async (id: string) => workflows[id],
  } as unknown as InvokeAiClient;
  const deps = { database, now: () => new Date(), invokeai: async () => invokeai };
  expect(await readRecipeSources(deps as never, "local")).toBe(true);
  const stored = await db.select({ id: libraryWorkflows.workflowId }).from(libraryWorkflows);
  expect(stored).toEqual([{ id: "plain" }]);
});
