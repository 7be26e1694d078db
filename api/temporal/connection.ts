import { Client, Connection, isGrpcDeadlineError } from "@temporalio/client";
import { traceRuns } from "#tracing/client-interceptor";

export type Temporal = ReturnType<typeof openTemporal>;

/** How long a request may wait for the workflow service. */
export const serviceTimeoutMs = 2_000;

/** A client that connects at its first call and reconnects by itself. */
export function openTemporal({ address, namespace }: { address: string; namespace: string }) {
  const connection = Connection.lazy({
    address,
    // The default interceptor retries past every deadline while the service is away.
    interceptors: [],
    // gRPC's default back-off grows to two minutes: a service that is back has to be noticed at once.
    channelArgs: {
      "grpc.initial_reconnect_backoff_ms": 200,
      "grpc.max_reconnect_backoff_ms": 1_000,
    },
  });
  return {
    namespace,
    connection,
    client: new Client({ connection, namespace, interceptors: { workflow: [traceRuns] } }),
    /** @throws an error for which `isNoAnswer` holds when the call takes longer */
    within: <T>(ms: number, call: () => Promise<T>): Promise<T> => {
      // A timer besides the deadline: the deadline does not apply while the channel is still connecting.
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new NoAnswer("no answer in time")), ms);
      return Promise.race([connection.withDeadline(Date.now() + ms, call), promise]).finally(() =>
        clearTimeout(timer),
      );
    },
  };
}

class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Whether the workflow service did not answer in time. */
export const isNoAnswer = (error: unknown): boolean =>
  error instanceof NoAnswer || isGrpcDeadlineError(error);

/** The reason for a failed call, for the log. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`.slice(0, 200);
}
