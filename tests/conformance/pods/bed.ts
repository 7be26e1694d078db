import { afterAll, beforeAll, beforeEach } from "bun:test";
import type { Pod } from "#activities/adapters/pods/provider";
import { type TestBed, type TestedProvider, waitingPod } from "./providers.ts";

/** Opens an account for the tests of a block; between tests nothing goes wrong. */
export function useBed({ open }: TestedProvider): () => TestBed {
  let bed: TestBed | undefined;
  beforeAll(async () => {
    bed = await open();
  });
  beforeEach(async () => {
    await bed?.heal();
    await bed?.setCredit(null);
  });
  afterAll(() => bed?.close());
  return () => {
    if (bed === undefined) throw new Error("not open yet");
    return bed;
  };
}

let pods = 0;

/** A name that no other pod has. */
export function newName(): string {
  pods += 1;
  return `gallery-0123456789ab-${String(pods).padStart(4, "0")}`;
}

/** Rents a pod whose command only waits. */
export async function rent(bed: TestBed, name = newName()): Promise<Pod> {
  const created = await bed.provider.create(waitingPod(bed, name));
  if (created.outcome !== "made") throw new Error(`not made: ${created.detail}`);
  return created.pod;
}
