import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Facts of a span: ids, counts, and words from fixed lists. Never what the owner wrote or named, and never a secret: traces
 * leave the gallery.
 */
type Facts = Readonly<Record<string, string | number | boolean>>;

export type SpanStart = {
  /** From a fixed list, such as `POST /api/v1/albums` or `activity enqueueBatch`. */
  name: string;
  kind: "server" | "client" | "internal";
  facts: Facts;
};

export type OpenSpan = {
  /** As in the header `traceparent` of W3C Trace Context. */
  traceparent: string;
  set: (facts: Facts) => void;
  /** @param fault the kind of an error, without its message */
  end: (fault?: string) => void;
};

/** A span of the past, of which the id was chosen elsewhere. */
type PastSpan = SpanStart & {
  traceparent: string;
  parent: string;
  startedAt: Date;
  endedAt: Date;
  fault: string | undefined;
};

export type Tracer = {
  open: (start: SpanStart, parent: string | undefined) => OpenSpan;
  record: (span: PastSpan) => void;
  /** Sends what was not sent yet; takes 2 s at most. */
  close: () => Promise<void>;
};

type Active = { tracer: Tracer; traceparent: string };

/** Without tracing it stays empty. */
const active = new AsyncLocalStorage<Active>();

/** The span in which the caller runs. */
export const currentTraceparent = (): string | undefined => active.getStore()?.traceparent;

/**
 * Starts tracing where it is wanted; the packages for it are loaded only then.
 * @param endpoint of a collector, by OTLP over HTTP; null: no tracing
 */
export async function startTracing(
  endpoint: string | null,
  service: "gallery-api" | "gallery-worker",
): Promise<Tracer | null> {
  if (endpoint === null) return null;
  return (await import("./export")).createTracer(endpoint, service);
}

/** Runs work in a new span below the current one, if there is one. */
export function inSpan<T>(
  start: SpanStart,
  work: (set: OpenSpan["set"]) => Promise<T>,
): Promise<T> {
  const parent = active.getStore();
  return parent ? run(parent.tracer, start, parent.traceparent, work) : work(() => {});
}

/** Runs work in a new span below `parent`; without one it begins a trace. */
export function inSpanOf<T>(
  tracer: Tracer,
  start: SpanStart,
  parent: string | undefined,
  work: (set: OpenSpan["set"]) => Promise<T>,
): Promise<T> {
  return run(tracer, start, parent, work);
}

async function run<T>(
  tracer: Tracer,
  start: SpanStart,
  parent: string | undefined,
  work: (set: OpenSpan["set"]) => Promise<T>,
): Promise<T> {
  const span = tracer.open(start, parent);
  try {
    const result = await active.run({ tracer, traceparent: span.traceparent }, () =>
      work(span.set),
    );
    span.end();
    return result;
  } catch (error) {
    span.end(faultOf(error));
    throw error;
  }
}

/** The class or code of an error: its message may hold what the owner wrote. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { type, code } = error as { type?: unknown; code?: unknown };
  const word = [type, code].find((given) => typeof given === "string" && /^[\w.]+$/.test(given));
  return typeof word === "string" ? word : error.name;
}
