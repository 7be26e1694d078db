import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { listSlots } from "#db/queries/steps/attempts";
import { findStep, startStep } from "#db/queries/steps/steps";
import { findStepView } from "#db/queries/generation/step-views";
import { findModel } from "#db/queries/models/models";
import type { Attempt } from "#db/schema/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";

let bench: ActivityBench;
beforeAll(async () => (bench = await createActivityBench()), 60_000);
afterEach(() => bench.simulator.control.clearFaults());
afterAll(() => bench.close());

async function runBatch(seeds: number[]): Promise<{ attempt: Attempt; tally: Tally }> {
  const attempt = await bench.createAttempt(seeds);
  const { batchId, stepId } = attempt;
  await startStep(bench.db, { step: (await findStep(bench.db, stepId))!, now: new Date() });
  await bench.run("enqueueBatch", { batchId, graceMs: 500 });
  while (!(await bench.run("watchBatch", { batchId })).ended);
  return { attempt, tally: await bench.run("settleAttempt", { batchId }) };
}

type Tally = Awaited<ReturnType<typeof bench.run<"settleAttempt">>>;

const itemFailure = (errorType: string, errorMessage: string) =>
  ({ kind: "item_failure", errorType, errorMessage, times: 9 }) as const;

test("an unknown failure is quoted in the step's error, and not in the workflow's history", async () => {
  await bench.simulator.control.addFault(
    itemFailure("QuantumError", "the cat\nis both; see /home/me/cat.log"),
  );
  let { attempt, tally } = await runBatch([1]);
  const { stepId } = attempt;
  expect(tally.message).toBe("InvokeAI failed to make the image. 1 image is requested again.");
  expect((await findStep(bench.db, stepId))?.progressMessage).toBe(tally.message!);
  while (tally.open > 0) {
    const { batchId } = await bench.createAttemptOf(stepId);
    await bench.run("enqueueBatch", { batchId, graceMs: 500 });
    while (!(await bench.run("watchBatch", { batchId })).ended);
    tally = await bench.run("settleAttempt", { batchId });
  }
  expect(JSON.stringify(tally)).not.toContain("cat");
  await bench.run("endStep", { stepId, ending: { status: "failed", error: tally.error! } });
  const step = await findStepView(bench.db, stepId);
  expect(step?.error).toEqual({
    code: "invokeai_generation_error",
    message: "InvokeAI failed to make the image.",
    suggestion: expect.stringContaining("Run the step again"),
    details: "QuantumError: the cat is both; see …",
  });
}, 60_000);

test("a step that fails for a missing model refreshes the models, so that the list shows the model as unavailable", async () => {
  const { control } = bench.simulator;
  const held = await control.holdStep();
  const attempt = await bench.createAttempt([2]);
  const step = (await findStep(bench.db, attempt.stepId))!;
  await startStep(bench.db, { step, now: new Date() });
  const { batchId } = attempt;
  await control.addFault(itemFailure("UnknownModelException", "Unknown model"));
  await bench.run("enqueueBatch", { batchId, graceMs: 500 });
  await control.removeModel(step.modelKey);
  await control.release();
  while (!(await bench.run("watchBatch", { batchId })).ended);
  const available = async () => (await findModel(bench.db, step.modelKey))?.isAvailable;
  expect(await available()).toBe(true);
  const tally = await bench.run("settleAttempt", { batchId });
  expect(tally.error?.code).toBe("invokeai_model_error");
  expect(await available()).toBe(false);
  expect((await listSlots(bench.db, step.id))[0]?.status).toBe("failed");
  expect(held).toBeGreaterThan(0);
}, 60_000);
