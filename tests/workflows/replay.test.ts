import { expect, test } from "bun:test";
import { housekeepingTasks } from "#workflows/housekeeping/contract";
import * as workflows from "#workflows/index";
import { kindsOf, type RecordedRun, replay } from "#tests/support/histories";

// Recorded by record-histories.ts.
const read = (name: string): Promise<RecordedRun[]> =>
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
const installs = await read("installs");
const moves = await read("moves");
const mirror = await read("mirror");
const housekeeping = await read("housekeeping");

/** The sessions in which the first attempt to fetch an image failed or was cancelled. */
const withRetrievals = new Set(["cancelled", "failed"]);

for (const [name, runs] of Object.entries({
  completed,
  cancelled,
  failed,
  lost,
  waiting,
  line,
  long,
})) {
  test(`every recorded run of the session "${name}" replays with the current workflows`, async () => {
    const kinds = kindsOf(runs);
    expect(kinds).toContain("generation-session");
    expect(kinds).toContain("generation-step");
    expect(kinds.has("photo-retrieval")).toBe(withRetrievals.has(name));
    expect(await replay(runs)).toEqual({});
  }, 120_000);
}

test("every recorded run of an import replays with the current workflow; a long one continues as new", async () => {
  expect(kindsOf(imports)).toEqual(new Set(["photo-import"]));
  expect(await replay(imports)).toEqual({});
  const last = imports.map(({ history }) => history.events.at(-1)?.eventType);
  expect(last).toContain("EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW");
}, 60_000);

test("every recorded run of a reproduction replays with the current workflow", async () => {
  expect(kindsOf(reproductions)).toEqual(new Set(["photo-reproduction"]));
  expect(await replay(reproductions)).toEqual({});
}, 60_000);

test("every recorded run of a model install replays with the current workflow; a long one continues as new", async () => {
  expect(kindsOf(installs)).toEqual(new Set(["model-install"]));
  expect(await replay(installs)).toEqual({});
  const last = installs.map(({ history }) => history.events.at(-1)?.eventType);
  expect(last).toContain("EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW");
}, 60_000);

test("every recorded run of a move to another storage replays with the current workflow; a long one continues as new", async () => {
  expect(kindsOf(moves)).toEqual(new Set(["storage-move"]));
  expect(await replay(moves)).toEqual({});
  const last = moves.map(({ history }) => history.events.at(-1)?.eventType);
  expect(last).toContain("EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW");
}, 60_000);

test("every recorded run of the mirror replays with the current workflow", async () => {
  expect(kindsOf(mirror)).toEqual(new Set(["invokeai-mirror"]));
  expect(await replay(mirror)).toEqual({});
}, 60_000);

test("a recorded run of each task of housekeeping replays with the current workflows", async () => {
  expect(housekeeping).toHaveLength(housekeepingTasks.length);
  expect(await replay(housekeeping)).toEqual({});
}, 60_000);

test("of every workflow there is a recorded run", () => {
  const runs = [
    ...[completed, cancelled, failed, lost, waiting, line, long].flat(),
    ...[imports, reproductions, installs, moves, mirror, housekeeping].flat(),
  ];
  const recorded = runs.map(({ history }) => {
    const [started] = history.events as {
      workflowExecutionStartedEventAttributes?: { workflowType: { name: string } };
    }[];
    return started?.workflowExecutionStartedEventAttributes?.workflowType.name ?? "";
  });
  expect(new Set(recorded)).toEqual(new Set(Object.keys(workflows)));
});

test("some runs of the long session continue as new", () => {
  const last = long.map(({ history }) => history.events.at(-1)?.eventType);
  expect(last).toContain("EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW");
});

test("the replay of a run that differs from the current workflow fails", async () => {
  const [step] = completed.filter(({ workflowId }) => workflowId.startsWith("generation-step/"));
  const text = JSON.stringify(step).replaceAll('"runBatch"', '"runAnother"');
  expect(text).not.toBe(JSON.stringify(step));
  const faults = await replay([JSON.parse(text)]);
  expect(faults[step?.workflowId ?? ""]).toContain("TMPRL1100");
}, 60_000);
