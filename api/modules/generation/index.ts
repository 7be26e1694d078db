import { Elysia } from "elysia";
import type { ApiDeps } from "../../deps";
import { createImageRoutes } from "./image-routes";
import { createSessionRoutes } from "./session-routes";
import { createStepRoutes } from "./step-routes";
import { createVariationRoutes } from "./variation-routes";

/** Sessions, their steps and the images that come of them. */
export function createGenerationModule(deps: ApiDeps) {
  return new Elysia({ name: "generation" })
    .use(createSessionRoutes(deps))
    .use(createStepRoutes(deps))
    .use(createImageRoutes(deps))
    .use(createVariationRoutes(deps));
}
