export type ReceivedSpan = {
  trace: string;
  id: string;
  /** Empty for a root. */
  parent: string;
  name: string;
  attributes: Record<string, string>;
};

/** A collector of OpenTelemetry: takes OTLP over HTTP with protobuf and keeps all that it receives. */
export function startOtlpCollector() {
  const bodies: Uint8Array[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: {
      "/v1/traces": {
        POST: async (request) => {
          if (request.headers.get("content-type") !== "application/x-protobuf") {
            return new Response(null, { status: 415 });
          }
          const sent = await request.bytes();
          const isPacked = request.headers.get("content-encoding") === "gzip";
          bodies.push(isPacked ? Bun.gunzipSync(sent) : sent);
          return new Response(new Uint8Array(), {
            headers: { "content-type": "application/x-protobuf" },
          });
        },
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  });
  return {
    url: server.url.href,
    spans: () => bodies.flatMap(readSpans),
    /** Every byte that was received. */
    bytes: () => Buffer.concat(bodies),
    stop: () => server.stop(true),
  };
}

type Field = { number: number; bytes: Uint8Array };

// The numbers of fields are those of opentelemetry/proto/collector/trace/v1 and opentelemetry/proto/trace/v1.
function readSpans(body: Uint8Array): ReceivedSpan[] {
  const resources = all(body, 1);
  const scopes = resources.flatMap((resource) => all(resource, 2));
  return scopes.flatMap((scope) => all(scope, 2)).map(readSpan);
}

function readSpan(span: Uint8Array): ReceivedSpan {
  const hex = (number: number) => (all(span, number)[0] ?? new Uint8Array()).toHex();
  return {
    trace: hex(1),
    id: hex(2),
    parent: hex(4),
    name: text(all(span, 5)[0]),
    attributes: Object.fromEntries(
      all(span, 9).map((pair) => [text(all(pair, 1)[0]), text(all(all(pair, 2)[0]!, 1)[0])]),
    ),
  };
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("utf8");

const all = (message: Uint8Array, number: number) =>
  [...fieldsOf(message)].filter((field) => field.number === number).map(({ bytes }) => bytes);

/** The length-delimited fields of a protobuf message. */
function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = () => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      yield { number: tag >>> 3, bytes: message.subarray(at, at + length) };
      at += length;
    } else throw new Error(`a field of wire type ${wire}`);
  }
}
