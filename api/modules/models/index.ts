import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";
import { createInstallRoutes } from "./install-routes";
import { createModelRoutes } from "./model-routes";

/** Models, and their installs. */
export function createModelsModule(deps: ApiDeps) {
  return createModule({ name: "models" })
    .use(createModelRoutes(deps))
    .use(createInstallRoutes(deps));
}
