import { join } from "node:path";
import { createModules } from "#api/modules";
import { buildOpenApi } from "#api/document/index";

const document = "docs/openapi.json";
const rebuild = "bun --no-env-file dev/openapi.ts";

/** The committed form of the OpenAPI document, as the routes are now; nothing needs to run. */
async function buildOpenApiDoc(): Promise<string> {
  return `${JSON.stringify(await buildOpenApi(createModules(standIn as never)), null, 1)}\n`;
}

/** What is to be done when the committed document is not that of the routes; undefined when it is. */
export async function checkOpenApiDoc(root: string): Promise<string | undefined> {
  const committed = await Bun.file(join(root, document))
    .text()
    .catch(() => "");
  if (committed === (await buildOpenApiDoc())) return undefined;
  return `${document} is not that of the routes; run: ${rebuild}`;
}

/** In place of the api's dependencies: modules only pass them on while they are made, and no request comes. */
const standIn: unknown = new Proxy(() => {}, {
  get: () => standIn,
  apply: () => standIn,
});

if (import.meta.main) {
  await Bun.write(join(import.meta.dir, "..", document), await buildOpenApiDoc());
  process.exit(0);
}
