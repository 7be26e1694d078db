import { Elysia } from "elysia";
import type { ApiDeps } from "./deps";
import { createEnvelope } from "./envelope";
import { createErrorsPlugin } from "./errors";
import { jsonBody } from "./json-body";
import { createModules } from "./modules";
import { createDocsModule } from "./modules/docs/index";
import { buildOpenApi } from "./document/index";
import { createRouteTable } from "./route-table";
import { countCharacters } from "./text-length";

/** The whole api as one app; nothing is connected or listening before the first request. */
export function createApp(deps: ApiDeps) {
  const modules = createModules(deps);
  let document: ReturnType<typeof buildOpenApi> | undefined;

  // `normalize` would drop unknown fields silently where the caller has to be told.
  const app = new Elysia({ normalize: false }).use(createErrorsPlugin(deps.log)).use(jsonBody);
  for (const module of modules) app.use(module);
  app.use(createDocsModule(() => (document ??= buildOpenApi(modules))));

  for (const { hooks } of app.routes) {
    // Fields of a body that nobody knows are refused, parameters of an address are ignored.
    if (hooks.query) hooks.query.additionalProperties = true;
    for (const schema of [hooks.body, hooks.query, hooks.params]) countCharacters(schema);
  }

  const envelope = createEnvelope(deps, createRouteTable(app.routes));
  // Round everything, so that it also holds for what no route answers.
  return app.wrap((next, request) => {
    type Next = (request: Request) => Response | Promise<Response>;
    return ((original: Request) => envelope(next as unknown as Next, original ?? request)) as never;
  });
}
