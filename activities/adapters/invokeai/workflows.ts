import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { NodeCatalogue } from "#recipes/catalogue";
import type { Http } from "../http";
import { readNodeCatalogue } from "./node-catalogue";
import { parseAnswer } from "./wire";

const maybeText = Type.Optional(Type.Union([Type.String(), Type.Null()]));

const Listed = Type.Object({
  workflow_id: Type.String({ minLength: 1, maxLength: 200 }),
  name: Type.String(),
  description: maybeText,
  category: Type.String(),
  tags: maybeText,
  updated_at: maybeText,
});
const Page = Type.Object({ items: Type.Array(Type.Unknown()), pages: Type.Integer() });
const Full = Type.Object({ workflow: Type.Record(Type.String(), Type.Unknown()) });

/** A workflow of InvokeAI's library, without its content. `version` changes with the content. */
export type LibraryEntry = {
  workflowId: string;
  name: string;
  description: string;
  category: string;
  tags: string;
  version: string;
};

const perPage = 100;
/** More are not read. */
const maxPages = 20;

/** Calls about workflows and the nodes they consist of. */
export function createWorkflowCalls(http: Http) {
  return {
    /** The node types of this InvokeAI with its extensions. The answer has about 2 MB. */
    async readNodeTypes(signal?: AbortSignal): Promise<NodeCatalogue> {
      return readNodeCatalogue(await http.readJson({ path: "/openapi.json" }, signal));
    },

    /** The workflows of its library, by name; those in an unknown format are skipped. */
    async listWorkflows(signal?: AbortSignal): Promise<LibraryEntry[]> {
      const entries: LibraryEntry[] = [];
      for (let page = 0; page < maxPages; page += 1) {
        const query = { page, per_page: perPage, order_by: "name", direction: "ASC" };
        const answer = await http.readJson({ path: "/api/v1/workflows/", query }, signal);
        const { items, pages } = parseAnswer(Page, answer);
        for (const item of items) {
          if (!Value.Check(Listed, item)) continue;
          entries.push({
            workflowId: item.workflow_id,
            name: item.name.slice(0, 500),
            description: (item.description ?? "").slice(0, 5_000),
            category: item.category.slice(0, 100),
            tags: (item.tags ?? "").slice(0, 1_000),
            version: item.updated_at ?? "",
          });
        }
        if (page + 1 >= pages) break;
      }
      return entries;
    },

    /** @throws ProviderError `missing` */
    async getWorkflow(workflowId: string, signal?: AbortSignal): Promise<unknown> {
      const path = `/api/v1/workflows/i/${encodeURIComponent(workflowId)}`;
      return parseAnswer(Full, await http.readJson({ path }, signal)).workflow;
    },
  };
}
