import type { Connection } from "@temporalio/client";
import { msToTs } from "@temporalio/common/lib/time";
import { temporal } from "@temporalio/proto";
import { searchAttributes } from "#workflows/search-attributes";
import { pause } from "./heartbeat";

const { IndexedValueType } = temporal.api.enums.v1;
const retention = "30 days";
/** gRPC's codes. */
const notFound = 5;
const alreadyExists = 6;
/** A call that got lost is noticed and made again. */
const callTimeoutMs = 5_000;
const patienceMs = 60_000;
/** A lost database is noticed so late at most; the look costs next to nothing. */
const lookEveryMs = 5_000;

/** Makes sure that the namespace is there with its retention and search attributes; repeating it changes nothing. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  await persist(connection, () => registerNamespace(connection, namespace));
  // A start that carries an attribute which is not registered is refused.
  await persist(connection, () => addSearchAttributes(connection, namespace));
}

/**
 * Looks every few seconds whether the namespace is still there, until `signal`. A workflow service that came back
 * with an empty database gets it again, and `refill` what belongs into it; it is repeated until both succeeded.
 */
export async function keepNamespace(
  connection: Connection,
  namespace: string,
  refill: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let isWhole = true; !signal.aborted;) {
    // Ended sooner by the signal, whose reason is no fault.
    await pause(lookEveryMs, signal).catch(() => {});
    try {
      const look = () => hasNamespace(connection, namespace);
      isWhole = (await connection.withDeadline(Date.now() + callTimeoutMs, look)) && isWhole;
      if (isWhole || signal.aborted) continue;
      await ensureNamespace(connection, namespace);
      await refill();
      isWhole = true;
    } catch {
      // The service is away, or not ready yet: the next look is as good.
    }
  }
}

/** The server limits how often a namespace may be registered, also one that is there. */
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

/** A new namespace reaches the service's own caches within seconds, and a busy service refuses for as long. */
async function persist(connection: Connection, call: () => Promise<void>): Promise<void> {
  const end = Date.now() + patienceMs;
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
