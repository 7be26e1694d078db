import type { Served } from "#db/queries/installation/workers";
import type { PhotoImport } from "#db/schema/imports";

/** Why a live import does not move, if it does not. */
export function whatImportWaitsFor(
  { status, root, awayReason }: Pick<PhotoImport, "status" | "root" | "awayReason">,
  { count, roles, importRoots }: Served,
): string | undefined {
  if (status !== "pending" && status !== "processing") return undefined;
  const isServed = root === null ? roles.has("images") : importRoots.has(root);
  if (count > 0 && !isServed) {
    return "No running worker can read this folder; start one that has it below its IMPORT_ROOTS and has the role images.";
  }
  return status === "pending" ? "Waiting for the worker." : (awayReason ?? undefined);
}
