import { housekeepingRun } from "#workflows/housekeeping/contract";
import type { Logger } from "pino";
import { reasonOf, type Temporal } from "./connection";

/** A person waits; RunPod's catalogue mostly answers within a second. */
const readTimeoutMs = 5_000;

/** Has the worker read the provider's catalogue into rows. False when that has not ended after 5 s; then it ends later. */
export async function readOffers({ client, within }: Temporal, log: Logger): Promise<boolean> {
  const { type, options } = housekeepingRun("read-offers");
  try {
    await within(readTimeoutMs, async () => {
      const run = await client.workflow.start(type, options);
      await run.result();
    });
    return true;
  } catch (error) {
    log.warn({ what: "readOffers", reason: reasonOf(error) }, "catalogue not read");
    return false;
  }
}
