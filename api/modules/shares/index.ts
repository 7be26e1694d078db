import { Elysia } from "elysia";
import type { ApiDeps } from "../../deps";
import { createGate } from "./gate";
import { createGuessLimit } from "../../guesses";
import { createImageRoutes } from "./image-routes";
import { createFindLeaving } from "./leaving";
import { createOwnerRoutes } from "./owner-routes";
import { createPageRoutes } from "./page-routes";
import { createPublicRoutes } from "./public-routes";
import { createZipRoutes } from "./zip-routes";

/** Sharing by link: the owner's side, and what strangers reach through the one gate. */
export function createSharesModule(deps: ApiDeps) {
  const gate = createGate(deps);
  const guesses = createGuessLimit(deps.database);
  const findLeaving = createFindLeaving(deps);
  return new Elysia({ name: "shares" })
    .use(createOwnerRoutes(deps))
    .use(createPublicRoutes(deps, { gate, guesses, findLeaving }))
    .use(createPageRoutes(deps, gate, guesses))
    .use(createImageRoutes(gate, findLeaving, "/api/v1/share"))
    .use(createImageRoutes(gate, findLeaving, "/s"))
    .use(createZipRoutes(deps, { gate, findLeaving }, "/api/v1/share"))
    .use(createZipRoutes(deps, { gate, findLeaving }, "/s"));
}
