import type { AnyElysia } from "elysia";
import type { ApiDeps } from "./deps";
import { createBackendModule } from "./modules/backend/index";
import { createGenerationModule } from "./modules/generation/index";
import { createHealthModule } from "./modules/health/index";
import { createPhotosModule } from "./modules/photos/index";
import { createModelsModule } from "./modules/models/index";

/** Every feature of the api but the page that shows its document. */
export function createModules(deps: ApiDeps): AnyElysia[] {
  return [
    createBackendModule(deps),
    createGenerationModule(deps),
    createHealthModule(deps),
    createModelsModule(deps),
    createPhotosModule(deps),
  ];
}
