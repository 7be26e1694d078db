import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";
import { createMirrorRoute } from "./mirror-route";
import { createModeRoutes } from "./mode-routes";
import { createOfferRoutes } from "./offer-routes";
import { createPodRoutes } from "./pod-routes";
import { createPodSessionRoutes } from "./session-routes";
import { showStatus, statusSchema } from "./status";

/** Where InvokeAI runs, as the worker last recorded it, and requests to change that. */
export function createBackendModule(deps: ApiDeps) {
  return createModule({ name: "backend" })
    .use(createModeRoutes(deps))
    .use(createMirrorRoute(deps))
    .use(createOfferRoutes(deps))
    .use(createPodRoutes(deps))
    .use(createPodSessionRoutes(deps))
    .use(
      createModule({ prefix: "/api/v1/backend", tags: ["backend"] }).get(
        "/status",
        () => showStatus(deps),
        {
          response: { 200: statusSchema },
          detail: {
            summary: "Whether InvokeAI answers, the length of its queue, and the rented pod",
          },
        },
      ),
    );
}
