import type { RouteDeps } from "./deps";
import { type EdgeLimits, edgeLimits } from "./http/edge-limits";
import { createModule } from "./http/module";
import { createAlbumsModule } from "./modules/albums/index";
import { createAuthModule } from "./modules/auth/index";
import { createBackupsModule } from "./modules/backups/index";
import { createBackendModule } from "./modules/backend/index";
import { createEventsModule } from "./modules/events/index";
import { createGenerationModule } from "./modules/generation/index";
import { createHealthModule } from "./modules/health/index";
import { createMetricsModule } from "./modules/metrics/index";
import { createImportsModule } from "./modules/imports/index";
import { createModelsModule } from "./modules/models/index";
import { createPhotosModule } from "./modules/photos/index";
import { createTimelineModule } from "./modules/photos/timeline";
import { createRecipesModule } from "./modules/recipes/index";
import { createSettingsModule } from "./modules/settings/index";
import { createSessionArchiveModule } from "./modules/session-archive/index";
import { createStorageModule } from "./modules/storage/index";
import { createSharesModule } from "./modules/shares/index";
import { createTemplatesModule } from "./modules/templates/index";
import { createWordlistsModule } from "./modules/wordlists/index";

/** All features of the api, except the page that shows the OpenAPI document. */
export function createModules(deps: RouteDeps, limits: EdgeLimits = edgeLimits) {
  return createModule({})
    .use(createAlbumsModule(deps))
    .use(createAuthModule(deps))
    .use(createBackendModule(deps))
    .use(createBackupsModule(deps))
    .use(createEventsModule(deps, limits))
    .use(createGenerationModule(deps))
    .use(createHealthModule(deps))
    .use(createMetricsModule(deps))
    .use(createImportsModule(deps))
    .use(createModelsModule(deps))
    .use(createPhotosModule(deps))
    .use(createRecipesModule(deps))
    .use(createSessionArchiveModule(deps))
    .use(createSettingsModule(deps))
    .use(createTimelineModule(deps))
    .use(createSharesModule(deps))
    .use(createStorageModule(deps))
    .use(createTemplatesModule(deps))
    .use(createWordlistsModule(deps));
}
