import { Context, log } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";

/** gRPC's codes for a service that does not answer: 4 DEADLINE_EXCEEDED, 14 UNAVAILABLE. */
const awayCodes = new Set([4, 14]);
const mostNamed = 5;

/** Collects failures, so that a broken row does not block the others. */
export function createFaults() {
  const faults: string[] = [];
  return {
    /** Runs work for one row; undefined when it failed. Throws only errors that every other row would meet too. */
    async collect<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
      const { cancellationSignal } = Context.current();
      cancellationSignal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (cancellationSignal.aborted || awayCodes.has(grpcOf(error).code ?? 0)) throw error;
        log.warn("reconcile failed", { what, error });
        faults.push(`${what}: ${reasonOf(error)}`);
        return undefined;
      }
    },
    /** Fails the activity without a retry if anything failed: the next run is a minute away. */
    throwIfAny(): void {
      if (faults.length === 0) return;
      const named = faults.slice(0, mostNamed).join("; ");
      const rest = faults.length > mostNamed ? "; the worker's log has the others" : "";
      const message = `Failed: ${faults.length} (${named}${rest}). All others were reconciled.`;
      throw ApplicationFailure.nonRetryable(message, "reconcile_incomplete");
    },
  };
}

/** The workflow service's own message; of any other error only the name, as its message may hold parameters. */
function reasonOf(error: unknown): string {
  const { details } = grpcOf(error);
  return details ?? (error instanceof Error ? error.name : "unknown");
}

function grpcOf(error: unknown): { code?: number; details?: string } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code, details } = (cause ?? {}) as { code?: unknown; details?: unknown };
  return {
    ...(typeof code === "number" && { code }),
    ...(typeof details === "string" && { details }),
  };
}
