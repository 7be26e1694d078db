import type { Connection } from "@temporalio/client";
import { msToTs } from "@temporalio/common/lib/time";
import { temporal } from "@temporalio/proto";
import { searchAttributes } from "#workflows/search-attributes";

const { IndexedValueType } = temporal.api.enums.v1;
const retention = "30 days";
/** gRPC's ALREADY_EXISTS. */
const alreadyExists = 6;

/** Makes sure that the namespace is there with its retention and search attributes; repeating it changes nothing. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs(retention),
    });
  } catch (error) {
    if ((error as { code?: number }).code !== alreadyExists) throw error;
  }
  // A start that carries an attribute which is not registered is refused.
  const names = Object.values(searchAttributes).map((key) => key.name);
  await untilNamespaceIsKnown(() =>
    connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        names.map((name) => [name, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD]),
      ),
    }),
  );
}

/** A new namespace reaches the service's own caches within seconds. */
async function untilNamespaceIsKnown(call: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await call();
      return;
    } catch (error) {
      if (tries === 100) throw error;
      await Bun.sleep(100);
    }
  }
}
