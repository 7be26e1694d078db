import { expect, test } from "bun:test";
import { join } from "node:path";
import { currentTraceparent, inSpan, inSpanOf, startTracing, type Tracer } from "#tracing/spans";
import { spanOfRun } from "#workflows/trace/span-of-run";

const root = join(import.meta.dir, "../..");

/** Keeps how its spans ended. */
function createListingTracer() {
  const ended: [name: string, parent: string | undefined, fault: string | undefined][] = [];
  const tracer: Tracer = {
    open: ({ name }, parent) => ({
      traceparent: `span of ${name}`,
      set: () => {},
      end: (fault) => void ended.push([name, parent, fault]),
    }),
    record: () => {},
    close: async () => {},
  };
  return { tracer, ended };
}

const named = (name: string) => ({ name, kind: "internal", facts: {} }) as const;

test("without an address nothing is traced, and the packages for it are not loaded", async () => {
  expect(await startTracing(null, "gallery-api")).toBeNull();
  const program = `await import("#api/serve"); await import("#activities/worker/run-worker");
    console.log(Object.keys(require.cache).filter((path) => path.includes("@opentelemetry/")).join("\\n"));
    process.exit()`;
  const child = Bun.spawn([process.execPath, "--no-env-file", "--eval", program], {
    cwd: root,
    stdout: "pipe",
    stderr: "inherit",
  });
  const loaded = (await new Response(child.stdout).text()).trim().split("\n");
  // Metrics load the interface alone.
  expect(loaded.filter((path) => !path.includes("@opentelemetry/api/"))).toEqual([]);
}, 60_000);

test("a span outside of a trace does the work and is none", async () => {
  expect(await inSpan(named("alone"), async () => currentTraceparent() ?? "none")).toBe("none");
});

test("spans are below the one in which they begin, also of work that runs at once", async () => {
  const { tracer, ended } = createListingTracer();
  await inSpanOf(tracer, named("request"), undefined, () =>
    Promise.all([
      inSpan(named("first"), () => inSpan(named("inner"), () => Bun.sleep(1))),
      inSpan(named("second"), () => Bun.sleep(1)),
    ]),
  );
  expect(ended.toSorted(([one], [other]) => (one < other ? -1 : 1))).toEqual([
    ["first", "span of request", undefined],
    ["inner", "span of first", undefined],
    ["request", undefined, undefined],
    ["second", "span of request", undefined],
  ]);
});

test("an error ends its span with its kind, never with its message", async () => {
  const { tracer, ended } = createListingTracer();
  const fault = Object.assign(new TypeError("a prompt"), { code: "invokeai_error" });
  for (const error of [fault, new TypeError("a prompt")]) {
    const work = inSpanOf(tracer, named("work"), undefined, () => Promise.reject(error));
    expect(await work.catch((thrown: unknown) => thrown)).toBe(error);
  }
  expect(ended.map(([, , kind]) => kind)).toEqual(["invokeai_error", "TypeError"]);
});

test("the span of a run keeps its trace, and replay finds the same id", () => {
  const parent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const run = "0193f0a1-7c3e-7b4d-8123-456789abcdef";
  expect(spanOfRun(parent, run)).toBe(`00-${"a".repeat(32)}-8123456789abcdef-01`);
});
