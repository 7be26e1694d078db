import { afterAll, expect, test } from "bun:test";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { housekeepingId } from "#workflows/housekeeping/contract";
import { modelInstallId } from "#workflows/model-install/contract";
import { photoImportId } from "#workflows/photo-import/contract";
import { photoReproductionId } from "#workflows/photo-reproduction/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const folder = await realpath(await mkdtemp(join(tmpdir(), "gallery-run-starts-")));
const waits = { retrievalDelayMs: 600_000, retrievalMaxDelayMs: 600_000 };
const { stack, gallery, worker } = await startGallery({
  env: { IMPORT_ROOTS: folder },
  timings: waits,
});
afterAll(async () => {
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const secondsOf = (duration?: { seconds?: unknown } | null) => Number(duration?.seconds ?? 0);

/** The start of the newest run of a workflow id. */
async function startOf(workflowId: string) {
  const handle = stack.temporal.workflow.getHandle(workflowId);
  const described = await handle.describe();
  const run = stack.temporal.workflow.getHandle(workflowId, described.runId);
  const [first] = (await run.fetchHistory()).events ?? [];
  const started = first?.workflowExecutionStartedEventAttributes;
  const decoded = (payload: { data?: Uint8Array | null }) =>
    JSON.parse(Buffer.from(payload.data ?? []).toString());
  const attributes = Object.entries(started?.searchAttributes?.indexedFields ?? {});
  return {
    type: described.type,
    queue: started?.taskQueue?.name,
    taskSeconds: secondsOf(started?.workflowTaskTimeout),
    runSeconds: secondsOf(started?.workflowRunTimeout),
    executionSeconds: secondsOf(started?.workflowExecutionTimeout),
    attributes: Object.fromEntries(attributes.map(([name, value]) => [name, decoded(value)])),
    memo: described.memo ?? {},
    summary: await described.staticSummary(),
    input: started?.input?.payloads?.map(decoded) ?? [],
  };
}

const newestOfType = (type: string, not: string) =>
  until(`a run of ${type}`, async () => {
    for await (const { workflowId } of stack.temporal.workflow.list({
      query: `WorkflowType = '${type}'`,
    })) {
      if (workflowId !== not) return workflowId;
    }
    return undefined;
  });

async function terminate(workflowIds: string[]): Promise<void> {
  for (const id of workflowIds) await stack.temporal.workflow.getHandle(id).terminate();
  await until("no open run to be listed", async () => {
    const query = "ExecutionStatus = 'Running'";
    for await (const { workflowId } of stack.temporal.workflow.list({ query })) {
      if (workflowIds.includes(workflowId)) return false;
    }
    return true;
  });
}

test("a run is started with the same options by the api, reconcile, its schedule and its parent", async () => {
  const { control } = stack.invokeai;
  const session = await gallery.createSession();
  const made = await gallery.requestStep(session.id, { parameters: { batch_size: 1, seed: 1 } });
  await gallery.allRetrieved(made.id, 1);
  await control.addFault({ kind: "status_500_json", route: "imageFull" });
  const step = await gallery.requestStep(session.id, { parameters: { batch_size: 1, seed: 2 } });
  await gallery.stepIs(step.id, ["completed"]);
  const [[photo], [waiting]] = await Promise.all([
    gallery.photosOf(made.id),
    gallery.photosOf(step.id),
  ]);
  const retrieval = photoRetrievalId(waiting?.image_id);
  const byParent = {
    retrieval: await startOf(retrieval),
    step: await startOf(generationStepId(step.id)),
  };
  const bySchedule = await startOf(
    await newestOfType("refreshModels", housekeepingId("refresh-models")),
  );

  await worker.kill();
  await terminate([retrieval]);
  await gallery.post(`/photos/${waiting?.image_id}/retry`);
  await gallery.post(`/photos/${photo?.image_id}/reproduce`);
  const { id: importId } = await gallery.post("/photos/import", { path: folder });
  const { id: installId } = await gallery.post("/models/install", { source: "owner/name" });
  // The request is answered when its run has ended.
  const refreshed = gallery.post("/models/refresh").catch(() => {});
  const ids = {
    session: generationSessionId(session.id),
    retrieval,
    reproduction: photoReproductionId(photo?.image_id),
    import: photoImportId(importId),
    install: modelInstallId(installId),
  };
  const refresh = housekeepingId("refresh-models");
  const refreshByApi = await until("the refresh of the models", () =>
    startOf(refresh).catch(() => undefined),
  );
  const startsOf = async () => ({
    session: await startOf(ids.session),
    retrieval: await startOf(ids.retrieval),
    reproduction: await startOf(ids.reproduction),
    import: await startOf(ids.import),
    install: await startOf(ids.install),
  });
  const byApi = await startsOf();
  await terminate([...Object.values(ids), refresh, "invokeai-backend"]);
  await refreshed;

  await stack.startWorker();
  await until("the runs to be started from rows", async () => {
    for (const id of [...Object.values(ids), "invokeai-backend"]) {
      const { status } = await stack.temporal.workflow.getHandle(id).describe();
      if (status.name === "TERMINATED") return false;
    }
    return true;
  });
  const byReconcile = await startsOf();

  expect(byReconcile).toEqual(byApi);
  // The parent has made an attempt, after which its child waits.
  const [{ after, ...input }] = byParent.retrieval.input;
  expect(after).toMatchObject({ attempts: 1 });
  expect({ ...byParent.retrieval, input: [input] }).toEqual({
    ...byApi.retrieval,
    attributes: { ...byApi.retrieval.attributes, GalleryStatus: "waiting" },
  });
  expect(bySchedule.attributes).toMatchObject(refreshByApi.attributes);
  expect({ ...bySchedule, attributes: {} }).toEqual({ ...refreshByApi, attributes: {} });
  // All have the same queue and time-out, search attributes and no memo.
  const all = [byParent.step, refreshByApi, ...Object.values(byApi)];
  for (const start of [...all, await startOf("invokeai-backend")]) {
    expect(start).toMatchObject({ queue: "gallery-main", taskSeconds: 5, memo: {} });
    expect(start.attributes).toMatchObject({ GalleryStatus: expect.any(String) });
    expect(start.summary).not.toBeUndefined();
  }
  expect(byParent.step).toMatchObject({
    summary: "a lighthouse at dusk",
    attributes: { GalleryEntity: step.id, GallerySession: session.id },
  });
  expect(byApi.retrieval.attributes).toMatchObject({ GallerySession: session.id });
}, 120_000);
