import type { AnyElysia } from "elysia";
import type { ApiDeps } from "./deps";
import { createAlbumsModule } from "./modules/albums/index";
import { createAuthModule } from "./modules/auth/index";
import { createBackendModule } from "./modules/backend/index";
import { createEventsModule } from "./modules/events/index";
import { createGenerationModule } from "./modules/generation/index";
import { createHealthModule } from "./modules/health/index";
import { createMetricsModule } from "./modules/metrics/index";
import { createImportsModule } from "./modules/imports/index";
import { createModelsModule } from "./modules/models/index";
import { createPhotosModule } from "./modules/photos/index";
import { createTimelineModule } from "./modules/photos/timeline";
import { createSettingsModule } from "./modules/settings/index";
import { createSessionArchiveModule } from "./modules/session-archive/index";
import { createSharesModule } from "./modules/shares/index";
import { createTemplatesModule } from "./modules/templates/index";

/** Every feature of the api but the page that shows its document. */
export function createModules(deps: ApiDeps): AnyElysia[] {
  return [
    createAlbumsModule(deps),
    createAuthModule(deps),
    createBackendModule(deps),
    createEventsModule(deps),
    createGenerationModule(deps),
    createHealthModule(deps),
    createMetricsModule(deps),
    createImportsModule(deps),
    createModelsModule(deps),
    createPhotosModule(deps),
    createSessionArchiveModule(deps),
    createSettingsModule(deps),
    createTimelineModule(deps),
    createSharesModule(deps),
    createTemplatesModule(deps),
  ];
}
