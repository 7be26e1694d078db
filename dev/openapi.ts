import { join } from "node:path";
import { createModules } from "#api/modules";
import { buildOpenApi } from "#api/openapi/index";

const document = "docs/openapi.json";
const rebuild = "bun --no-env-file dev/openapi.ts";

/** The committed form of the OpenAPI document for the current routes; needs no running services. */
async function buildOpenApiDoc(): Promise<string> {
  return `${JSON.stringify(await buildOpenApi(createModules(standIn as never)), null, 1)}\n`;
}

/** What to do when the committed document is out of date; undefined when it is current. */
export async function checkOpenApiDoc(root: string): Promise<string | undefined> {
  const committed = await Bun.file(join(root, document))
    .text()
    .catch(() => "");
  if (committed === (await buildOpenApiDoc())) return undefined;
  return `${document} is not that of the routes; run: ${rebuild}`;
}

/** Replaces the API's dependencies: modules only store them when created, and no request arrives. */
const standIn: unknown = new Proxy(() => {}, {
  get: () => standIn,
  apply: () => standIn,
});

if (import.meta.main) {
  await Bun.write(join(import.meta.dir, "..", document), await buildOpenApiDoc());
  process.exit(0);
}
