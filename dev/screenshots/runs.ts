import type { Page } from "playwright-core";
import { createSimulatorControl } from "#simulators/invokeai/control-client";
import { generationStepId } from "#workflows/generation-step/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import type { ApiClient } from "#stack/demo/client";
import { chooseModel, runStep } from "#stack/demo/steps";
import type { Shot } from "./shots";

type Session = { id: string; workflow_id: string; workflow_url: string };

/**
 * Generates a step whose images all arrive, one of them at the third attempt, and returns the addresses of both runs
 * in Temporal's web UI.
 */
export async function makeRuns(api: ApiClient): Promise<(Shot & { url: string })[]> {
  const { url: simulatorUrl } = await api.call<{ url: string }>("GET", "/backend/status");
  const { key } = await chooseModel(api);
  const entry = { entry_type: "scratch", title: "An evening by the sea" };
  const session = await api.call<Session>("POST", "/generation/sessions", entry);
  const control = createSimulatorControl(simulatorUrl);
  await control.addFault({ kind: "status_502_html", route: "imageFull", times: 2 });
  const { stepId, imageIds } = await runStep(api, session.id, {
    prompt: "a lighthouse at dusk, waves against the rocks",
    parameters: { model_key: key, batch_size: 1 },
  });
  const urlOf = (workflowId: string) =>
    session.workflow_url.replace(
      encodeURIComponent(session.workflow_id),
      encodeURIComponent(workflowId),
    );
  const window = { viewport: { width: 1280, height: 1100 } };
  const act = showHistory;
  return [
    { name: "run-finished", window, act, url: urlOf(generationStepId(stepId)) },
    { name: "run-retried", window, act, url: urlOf(photoRetrievalId(imageIds[0]!)) },
  ];
}

/** Waits until the history is drawn; before that the frame is empty. */
async function showHistory(page: Page): Promise<void> {
  await page.getByText("Event History").first().waitFor({ timeout: 60_000 });
  await page.waitForLoadState("networkidle");
}
