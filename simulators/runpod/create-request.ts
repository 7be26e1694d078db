import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Problem } from "./problems.ts";

const closed = { additionalProperties: false };
const cudaVersion = Type.String({ pattern: "^\\d+\\.\\d+$" });
const whole = (minimum: number, maximum?: number) =>
  Type.Integer({ minimum, ...(maximum && { maximum }) });

const mounts = Type.Object(
  {
    persistent: Type.Optional(Type.Object({ size: whole(10), path: Type.String() }, closed)),
    network: Type.Optional(
      Type.Array(Type.Object({ volumeId: Type.String(), path: Type.String() }, closed), {
        maxItems: 1,
      }),
    ),
  },
  closed,
);

const containerFields = {
  image: Type.Optional(Type.String()),
  args: Type.Optional(Type.String()),
  entrypoint: Type.Optional(Type.Array(Type.String())),
  cmd: Type.Optional(Type.Array(Type.String())),
  disk: Type.Optional(whole(1)),
  env: Type.Optional(Type.Record(Type.String(), Type.String())),
  ports: Type.Optional(Type.Array(Type.String())),
  registry: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  mounts: Type.Optional(mounts),
  globalNetworking: Type.Optional(Type.Boolean()),
  templateId: Type.Optional(Type.String({ minLength: 1 })),
};

export const createPodBody = Type.Object(
  {
    ...containerFields,
    name: Type.String({ minLength: 1 }),
    cloud: Type.Optional(Type.Union([Type.Literal("SECURE"), Type.Literal("COMMUNITY")])),
    gpu: Type.Optional(
      Type.Object(
        {
          id: Type.String(),
          count: Type.Optional(whole(1)),
          minCudaVersion: Type.Optional(cudaVersion),
          allowedCudaVersions: Type.Optional(Type.Array(cudaVersion, { minItems: 1 })),
          minRamPerGpu: Type.Optional(whole(1)),
          minVcpuCountPerGpu: Type.Optional(whole(1)),
        },
        closed,
      ),
    ),
    cpu: Type.Optional(Type.Object({})),
    dataCenterIds: Type.Optional(Type.Array(Type.String())),
    startSsh: Type.Optional(Type.Boolean()),
    startJupyter: Type.Optional(Type.Boolean()),
  },
  closed,
);

export const updatePodBody = Type.Object(
  {
    ...containerFields,
    name: Type.Optional(Type.String({ minLength: 1 })),
    locked: Type.Optional(Type.Boolean()),
  },
  closed,
);

export const actionBody = Type.Object(
  {
    action: Type.Union(
      (["start", "stop", "restart", "terminate"] as const).map((action) => Type.Literal(action)),
    ),
  },
  closed,
);

export const createVolumeBody = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    size: whole(10, 4096),
    dataCenter: Type.String({ minLength: 1 }),
    type: Type.Optional(Type.Union([Type.Literal("STANDARD"), Type.Literal("HIGH_PERFORMANCE")])),
  },
  closed,
);

export type CreatePodBody = Static<typeof createPodBody>;

const largestBodyBytes = 102_400;

/** Parses a strict JSON body. @throws Problem 413, 400 or 422, which names each wrong field */
export function readBody<S extends TSchema>(body: Buffer, schema: S): Static<S> {
  if (body.length > largestBodyBytes) throw new Problem(413, "request body too large");
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw new Problem(400, "the request body is not JSON");
  }
  const errors = [...Value.Errors(schema, value)].map(({ path, message }) => {
    const place = `$${path.replaceAll("/", ".")}`;
    return `${place}: ${message.toLowerCase()}`;
  });
  if (errors.length > 0) throw new Problem(422, `invalid request: ${errors[0]}`, errors);
  return value as Static<S>;
}
