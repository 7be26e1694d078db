import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { broken } from "../../http-failures";

// The parts of RunPod's REST v2 answers (https://api.runpod.io/v2/openapi.json) that the adapter reads. Other fields are
// ignored, null and absent mean the same, and enumerations may have unknown values.

const maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

/** A segment of paths, and a part of host names. */
const podId = Type.String({ pattern: "^[A-Za-z0-9_-]{1,100}$" });

/** Only the id and the name are indispensable: a field of a stranger's pod must not hide a pod of ours from a list. */
export const WirePod = Type.Object({
  id: podId,
  name: Type.String(),
  status: Type.Optional(Type.Unknown()),
  cost: Type.Optional(Type.Unknown()),
  runtime: Type.Optional(Type.Unknown()),
  gpu: Type.Optional(Type.Unknown()),
  dataCenterId: Type.Optional(Type.Unknown()),
  createdAt: Type.Optional(Type.Unknown()),
});

export const WireGpu = Type.Object({ id: Type.String({ minLength: 1 }) });

const stock = Type.String();

export const GpuTypes = Type.Object({ gpus: Type.Array(Type.Unknown()) });

export const GpuType = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  memory: Type.Number({ minimum: 0 }),
  secure: Type.Boolean(),
  price: Type.Object({ secure: maybe(Type.Number()) }),
  availability: maybe(stock),
  dataCenters: maybe(
    Type.Array(Type.Object({ id: Type.String({ minLength: 1 }), availability: maybe(stock) })),
  ),
});

export const WireVolume = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  size: Type.Number(),
  dataCenter: Type.String(),
});

export const Bills = Type.Object({
  records: Type.Array(Type.Object({ podId: Type.String(), totalAmount: Type.Number() })),
});

/** Of the list of pods, since September 2026; an answer without it is the whole list. */
export const Paginated = Type.Object({
  pagination: maybe(
    Type.Object({ hasNextPage: Type.Boolean(), nextCursor: maybe(Type.String({ minLength: 1 })) }),
  ),
});

export const LogLine = Type.Object({ line: Type.String() });

/** @throws ProviderError `broken` when an answer does not match the schema */
export function parseAnswer<T extends TSchema>(schema: T, answer: unknown): Static<T> {
  if (Value.Check(schema, answer)) return answer;
  const fault = Value.Errors(schema, answer).First();
  throw broken("runpod", "answered in an unknown format", {
    cause: new Error(`${fault?.path ?? ""}: ${fault?.message ?? ""}`),
  });
}

/** Dollars as micro-dollars. */
export function toMicros(dollars: number): number {
  return Math.round(dollars * 1_000_000);
}
