import type { Config } from "#config";
import type { Database } from "#db/client";
import { getSettings } from "#db/queries/settings";
import { createInvokeAiClient, type InvokeAiClient } from "./adapters/invokeai/client";
import type { ActivityDeps } from "./deps";

/** InvokeAI at the address that the settings name when it is called, so that a move needs no restart. */
export function createLocalInvokeAi(
  config: Config,
  database: Database,
): Pick<ActivityDeps, "invokeai"> {
  const { connectionTimeoutMs, readTimeoutMs } = config.invokeai;
  let known: { baseUrl: string; client: InvokeAiClient } | undefined;

  return {
    async invokeai() {
      const baseUrl = (await getSettings(database.db, config))["backend.local_url"];
      if (known?.baseUrl !== baseUrl) {
        const credentials = config.secrets.invokeaiLogin;
        const timeouts = { connectionTimeoutMs, readTimeoutMs };
        const client = createInvokeAiClient({ baseUrl, ...timeouts, credentials });
        known = { baseUrl, client };
      }
      return known.client;
    },
  };
}
