import { expect, test } from "bun:test";
import { Worker } from "@temporalio/worker";
import { required } from "#tests/support/environment";

type Recorded = { workflowId: string; history: { events: { eventType: string }[] } }[];

// Made by record-histories.ts.
const read = (name: string): Promise<Recorded> =>
  Bun.file(new URL(`histories/${name}.json`, import.meta.url)).json();

const [completed, cancelled, failed, lost, waiting, line, long] = await Promise.all([
  read("completed"),
  read("cancelled"),
  read("failed"),
  read("lost"),
  read("waiting"),
  read("line"),
  read("long"),
]);
const imports = await read("imports");
const reproductions = await read("reproductions");

/** A history that cannot be read never settles: it is a failure, too. */
const timeoutMs = 60_000;

/** Replays runs on the bundle of this test run; answers what went wrong, by workflow id. */
async function replay(runs: Recorded): Promise<Record<string, string>> {
  const faults: Record<string, string> = {};
  const codePath = required("TEST_WORKFLOW_BUNDLE");
  const results = Worker.runReplayHistories({ workflowBundle: { codePath } }, runs);
  const replayed = (async () => {
    let count = 0;
    for await (const { workflowId, error } of results) {
      count++;
      if (error) faults[workflowId] = error.message;
    }
    return count;
  })();
  const count = await Promise.race([replayed, Bun.sleep(timeoutMs)]);
  if (count !== runs.length) faults[""] = `${count ?? "not all"} of ${runs.length} runs replayed`;
  return faults;
}

const kindsOf = (runs: Recorded) =>
  new Set(runs.map(({ workflowId }) => workflowId.replace(/\/.*/, "")));

for (const [name, runs] of Object.entries({
  completed,
  cancelled,
  failed,
  lost,
  waiting,
  line,
  long,
})) {
  test(`every run of a ${name} session, recorded before, goes on under today's workflows`, async () => {
    expect(kindsOf(runs)).toEqual(
      new Set(["generation-session", "generation-step", "invokeai-backend", "photo-retrieval"]),
    );
    expect(await replay(runs)).toEqual({});
  }, 120_000);
}

test("every run of an import, recorded before, goes on under today's workflow; a long one continues as new", async () => {
  expect(kindsOf(imports)).toEqual(new Set(["photo-import"]));
  expect(await replay(imports)).toEqual({});
  const last = imports.map(({ history }) => history.events.at(-1)?.eventType);
  expect(last).toContain("EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW");
}, 60_000);

test("every run that made a picture again, recorded before, goes on under today's workflow", async () => {
  expect(kindsOf(reproductions)).toEqual(new Set(["photo-reproduction"]));
  expect(await replay(reproductions)).toEqual({});
}, 60_000);

test("the long session's runs are chains: some continue as new", () => {
  const last = long.map(({ history }) => history.events.at(-1)?.eventType);
  expect(last).toContain("EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW");
});

test("a run that did something else than today's workflow is refused", async () => {
  const [step] = completed.filter(({ workflowId }) => workflowId.startsWith("generation-step/"));
  const text = JSON.stringify(step).replaceAll('"openAttempt"', '"openBatch"');
  expect(text).not.toBe(JSON.stringify(step));
  const faults = await replay([JSON.parse(text)]);
  expect(faults[step?.workflowId ?? ""]).toContain("TMPRL1100");
}, 60_000);
