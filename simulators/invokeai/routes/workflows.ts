import { detail, json } from "../answers.ts";
import type { Handlers } from "../router.ts";
import { libraryWorkflows } from "../workflow-library.ts";

const changedAt = "2026-08-19 10:00:00.000";

/** The workflow library: it has a few fixed workflows. */
export function createWorkflowHandlers(): Handlers {
  const records = libraryWorkflows.map((workflow) => ({
    workflow_id: workflow.id,
    name: workflow.name,
    created_at: changedAt,
    updated_at: changedAt,
    opened_at: null,
    user_id: "system",
    is_public: true,
    workflow,
  }));

  return {
    listWorkflows({ url }) {
      const page = Number(url.searchParams.get("page") ?? 0);
      const perPage = Number(url.searchParams.get("per_page") ?? records.length);
      const items = records
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .slice(page * perPage, (page + 1) * perPage)
        .map(({ workflow, ...record }) => ({
          ...record,
          description: workflow.description,
          category: workflow.meta.category,
          tags: workflow.tags,
          thumbnail_url: null,
        }));
      const pages = Math.ceil(records.length / Math.max(perPage, 1));
      return json({ page, pages, per_page: perPage, total: records.length, items });
    },

    getWorkflow({ params }) {
      const found = records.find(({ workflow_id }) => workflow_id === params.workflow);
      return found ? json(found) : detail(404, "Workflow not found");
    },
  };
}
