import { allowedEnvironment } from "#stack/environment";
import { checkMigrations } from "./migrations-in-step";
import { runTool } from "./tool";

export type CheckStep = {
  name: string;
  /** What is wrong, for the reader; undefined when nothing is. */
  run: (deps: {
    root: string;
    env: Record<string, string | undefined>;
  }) => Promise<string | undefined>;
};

const tool =
  (...command: string[]): CheckStep["run"] =>
  async ({ root, env }) => {
    const { success, output } = await runTool(root, command, env);
    return success ? undefined : output;
  };

const steps: CheckStep[] = [
  { name: "types", run: tool("tsc", "--project", ".") },
  // Includes the import table of the folders: `no-restricted-imports` in .oxlintrc.json.
  { name: "lint", run: tool("oxlint", "--type-aware", "--deny-warnings") },
  { name: "format", run: tool("oxfmt", "--check") },
  { name: "dead code", run: tool("knip", "--no-progress", "--treat-config-hints-as-errors") },
  { name: "migrations in step with db/schema", run: checkMigrations },
  {
    name: "docs/database.md in step with db/schema",
    run: async ({ root }) => (await import("./database-doc")).checkDatabaseDoc(root),
  },
  {
    name: "docs/generation/bases.md in step with the bases",
    run: async ({ root }) => (await import("./bases-doc")).checkBasesDoc(root),
  },
  {
    name: "docs/openapi.json in step with the routes",
    run: async ({ root }) => (await import("./openapi")).checkOpenApiDoc(root),
  },
  {
    name: "docs/openapi.json passes a public linter",
    run: async ({ root }) => (await import("./openapi-lint")).lintOpenApiDoc(root),
  },
  {
    name: "Dockerfile and docker-compose.yml pass public linters",
    run: async ({ root }) => (await import("./container-lint")).lintContainerFiles(root),
  },
  {
    name: "ops/prometheus/alerts.yml passes promtool, where it is installed",
    run: async ({ root }) => (await import("./alert-lint")).lintAlerts(root),
  },
];

/**
 * `./gallery check`: runs every step and prints all failures.
 * @returns the exit status
 */
export async function check(
  root: string,
  env: Record<string, string | undefined>,
): Promise<number> {
  const deps = { root, env: allowedEnvironment(env) };
  const results = await Promise.all(
    steps.map(async ({ name, run }) => {
      const startedAt = performance.now();
      const fault = await run(deps).catch((error: Error) => error.stack ?? error.message);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
      console.log(`${fault === undefined ? "ok    " : "FAILED"} ${seconds} s  ${name}`);
      return { name, fault };
    }),
  );
  const failed = results.filter((result) => result.fault !== undefined);
  for (const { name, fault } of failed) console.log(`\n--- ${name}\n${fault?.trim()}`);
  console.log(`\n${results.length - failed.length} of ${results.length} checks passed`);
  return failed.length === 0 ? 0 : 1;
}
