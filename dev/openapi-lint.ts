import { join } from "node:path";
import { createConfig, lintFromString } from "@redocly/openapi-core";

const document = "docs/openapi.json";

/** The public linter's findings on the committed OpenAPI document, one per line; undefined when there are none. */
export async function lintOpenApiDoc(root: string): Promise<string | undefined> {
  const config = await createConfig({
    extends: ["recommended-strict"],
    rules: {
      // `/photos/thumbnail/{id}` beside `/photos/{id}/thumbnail`: a fixed segment takes precedence, and both routes
      // are supported.
      "no-ambiguous-paths": "off",
      // The form of a share page answers only with a redirect.
      "operation-2xx-response": "off",
    },
  });
  const path = join(root, document);
  const source = await Bun.file(path).text();
  const problems = await lintFromString({ source, absoluteRef: path, config });
  const lines = problems.map(
    ({ ruleId, message, location: [place] }) => `${ruleId}: ${message} (${place?.pointer})`,
  );
  return lines.length === 0 ? undefined : lines.join("\n");
}
