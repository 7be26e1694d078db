import type { Connection } from "@temporalio/client";
import { msToTs } from "@temporalio/common/lib/time";
import { temporal } from "@temporalio/proto";
import { searchAttributes } from "#workflows/search-attributes";
import { pause } from "../heartbeat";

const { IndexedValueType } = temporal.api.enums.v1;
const retention = "30 days";
/** gRPC's codes. */
const notFound = 5;
const alreadyExists = 6;
/** After this time a call counts as lost and is repeated. */
const callTimeoutMs = 5_000;
const retryForMs = 60_000;
/** How late a lost database is detected at most; a check costs next to nothing. */
const pollEveryMs = 5_000;

/** Ensures that the namespace exists with its retention and search attributes; idempotent. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  await retryUntilReady(connection, () => registerNamespace(connection, namespace));
  // The service refuses to start a run with an unregistered attribute.
  await retryUntilReady(connection, () => addSearchAttributes(connection, namespace));
}

/**
 * Checks every few seconds that the namespace still exists, until `signal` aborts, and calls `onWhole` if it does. After
 * the workflow service came back with an empty database, creates it again and calls `refill` to start its runs; repeats
 * until both succeed.
 */
export async function keepNamespace(
  connection: Connection,
  namespace: string,
  { refill, onWhole }: { refill: () => Promise<void>; onWhole: () => void },
  signal: AbortSignal,
): Promise<void> {
  for (let isWhole = true; !signal.aborted;) {
    // An abort ends the pause early and is not an error.
    await pause(pollEveryMs, signal).catch(() => {});
    try {
      const check = () => hasNamespace(connection, namespace);
      isWhole = (await connection.withDeadline(Date.now() + callTimeoutMs, check)) && isWhole;
      if (signal.aborted) return;
      if (isWhole) {
        onWhole();
        continue;
      }
      await ensureNamespace(connection, namespace);
      await refill();
      isWhole = true;
    } catch {
      // The service is unreachable or not ready yet: retried at the next check.
    }
  }
}

/** Checks first: the server limits how often a namespace may be registered, even an existing one. */
async function registerNamespace(connection: Connection, namespace: string): Promise<void> {
  if (await hasNamespace(connection, namespace)) return;
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs(retention),
    });
  } catch (error) {
    if (codeOf(error) !== alreadyExists) throw error;
  }
}

async function hasNamespace(connection: Connection, namespace: string): Promise<boolean> {
  try {
    await connection.workflowService.describeNamespace({ namespace });
    return true;
  } catch (error) {
    if (codeOf(error) === notFound) return false;
    throw error;
  }
}

async function addSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const names = Object.values(searchAttributes).map((key) => key.name);
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(
      names.map((name) => [name, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD]),
    ),
  });
}

/**
 * Repeats an idempotent call until it succeeds: a new namespace takes seconds to reach the caches of each of the service's
 * parts, and a busy service may refuse for as long.
 * @throws the last error after a minute
 */
export async function retryUntilReady(
  connection: Connection,
  call: () => Promise<unknown>,
): Promise<void> {
  const end = Date.now() + retryForMs;
  for (;;) {
    try {
      await connection.withDeadline(Date.now() + callTimeoutMs, call);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await Bun.sleep(100);
    }
  }
}

function codeOf(error: unknown): number | undefined {
  return (error as { code?: number }).code;
}
