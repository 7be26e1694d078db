import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";
import { createBaseRoutes } from "./base-routes";
import { createGridRoutes } from "./grids/routes";
import { createImageRoutes } from "./image-routes";
import { createMaskRoutes } from "./mask-routes";
import { createSessionRoutes } from "./session-routes";
import { createStepRoutes } from "./step-routes";
import { createUpscaleRoutes } from "./upscale-routes";
import { createVariationRoutes } from "./variation-routes";

/** Sessions, their steps and the images they produce. */
export function createGenerationModule(deps: ApiDeps) {
  return createModule({ name: "generation" })
    .use(createSessionRoutes(deps))
    .use(createStepRoutes(deps))
    .use(createGridRoutes(deps))
    .use(createMaskRoutes(deps))
    .use(createImageRoutes(deps))
    .use(createVariationRoutes(deps))
    .use(createUpscaleRoutes(deps))
    .use(createBaseRoutes(deps));
}
