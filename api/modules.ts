import type { AnyElysia } from "elysia";
import type { ApiDeps } from "./deps";
import { createHealthModule } from "./modules/health/index";

/** Every feature of the api but the page that shows its document. */
export function createModules(deps: ApiDeps): AnyElysia[] {
  return [createHealthModule(deps)];
}
