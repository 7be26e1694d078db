import { createLoginAttempts } from "./http/login-attempts";
import type { ApiDeps } from "./deps";
import { type EdgeLimits, edgeLimits } from "./http/edge-limits";
import { createErrorsPlugin } from "./http/errors";
import { createFileCache } from "./http/responses/file-cache";
import { jsonBody } from "./http/bodies/json-body";
import { createModule } from "./http/module";
import { createModules } from "./modules";
import { createDocsModule } from "./modules/docs/index";
import { createOwnerSessions } from "./http/owner-session";
import { createPipeline } from "./http/pipeline";
import { exactJson, readPlainText } from "./http/bodies/plain-values";
import { createRouter } from "./http/routes";
import { countCharacters } from "./fields/text-length";

/** The whole api; nothing is connected or listening before the first request. */
export function createApp(given: ApiDeps, limits: EdgeLimits = edgeLimits) {
  const pictures = createFileCache(given.storage, given.now);
  const deps = {
    ...given,
    storage: pictures.storage,
    ownerSessions: createOwnerSessions(given),
    pictures,
    loginAttempts: createLoginAttempts(given.database),
  };
  const modules = createModules(deps, limits);
  let document: Promise<object> | undefined;
  const readDocument = async () => (await import("./openapi/index")).buildOpenApi(modules);

  const app = createModule({})
    .use(createErrorsPlugin(deps.log))
    .use(jsonBody)
    .use(modules)
    .use(createDocsModule(() => (document ??= readDocument())));

  for (const { hooks } of app.routes) {
    // Unknown fields of a body are refused; unknown query parameters are ignored.
    if (hooks.query) {
      hooks.query.additionalProperties = true;
      readPlainText(hooks.query);
    }
    exactJson(hooks.body);
    for (const schema of [hooks.query, hooks.params]) countCharacters(schema);
  }
  app.compile();

  return { routes: app.routes, handle: createPipeline(deps, createRouter(app.routes), limits) };
}
