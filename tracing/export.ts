import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, RandomIdGenerator, TracerProvider } from "@opentelemetry/sdk-trace";
import type { OpenSpan, SpanStart, Tracer } from "./spans";

const sendTimeoutMs = 5_000;
const closeTimeoutMs = 2_000;

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

/** Sends spans in batches to a collector. A collector that is away costs spans, never a request. */
export function createTracer(endpoint: string, service: string): Tracer {
  const random = new RandomIdGenerator();
  /** Of the span that is made next, where it was chosen elsewhere. */
  let chosenId: string | undefined;
  const provider = new TracerProvider({
    // Nothing of the machine: its name, its user and its paths are nobody's business.
    resource: resourceFromAttributes({ "service.name": service }),
    idGenerator: {
      generateTraceId: () => random.generateTraceId(),
      generateSpanId: () => chosenId ?? random.generateSpanId(),
    },
    spanProcessors: [
      new BatchSpanProcessor({
        scheduledDelayMillis: 1_000,
        exportTimeoutMillis: sendTimeoutMs,
        exporter: new OTLPTraceExporter({
          url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
          timeoutMillis: sendTimeoutMs,
        }),
      }),
    ],
  });
  const tracer = provider.getTracer("photo-gallery");

  function start({ name, kind, facts }: SpanStart, parent: string | undefined, startTime?: Date) {
    const options = {
      kind: kinds[kind],
      attributes: { ...facts },
      ...(startTime && { startTime }),
    };
    return tracer.startSpan(name, options, contextOf(parent));
  }

  return {
    open: (first, parent) => {
      const span = start(first, parent);
      return {
        traceparent: traceparentOf(span),
        set: (facts) => void span.setAttributes({ ...facts }),
        end: (fault) => end(span, fault),
      } satisfies OpenSpan;
    },
    record: ({ traceparent, parent, startedAt, endedAt, fault, ...first }) => {
      chosenId = traceparent.split("-")[2];
      const span = start(first, parent, startedAt);
      chosenId = undefined;
      end(span, fault, endedAt);
    },
    close: () =>
      Promise.race([provider.shutdown().catch(() => {}), Bun.sleep(closeTimeoutMs)]).then(() => {}),
  };
}

function end(span: Span, fault: string | undefined, at?: Date): void {
  if (fault !== undefined) {
    span.setAttribute("error.type", fault);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end(at);
}

function contextOf(traceparent: string | undefined) {
  const [, traceId, spanId, flags] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const parent = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags ?? "01", 16),
    isRemote: true,
  };
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
