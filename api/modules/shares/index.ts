import type { RouteDeps } from "../../deps";
import { createGate } from "./gate";
import { createModule } from "../../http/module";
import { createImageRoutes } from "./image-routes";
import { createFindOutgoingFile } from "./outgoing-file";
import { createOwnerRoutes } from "./owner-routes";
import { createPageRoutes } from "./page-routes";
import { createPublicRoutes } from "./public-routes";
import { createZipRoutes } from "./zip-routes";

/** Sharing by link: the owner's routes and the visitors' routes, which all pass one gate. */
export function createSharesModule(deps: RouteDeps) {
  const gate = createGate(deps);
  const findOutgoingFile = createFindOutgoingFile(deps);
  return createModule({ name: "shares" })
    .use(createOwnerRoutes(deps))
    .use(createPublicRoutes(deps, { gate, findOutgoingFile }))
    .use(createPageRoutes(deps, gate))
    .use(createImageRoutes(deps, { gate, findOutgoingFile }, "/api/v1/share"))
    .use(createImageRoutes(deps, { gate, findOutgoingFile }, "/s"))
    .use(createZipRoutes(deps, { gate, findOutgoingFile }, "/api/v1/share"))
    .use(createZipRoutes(deps, { gate, findOutgoingFile }, "/s"));
}
