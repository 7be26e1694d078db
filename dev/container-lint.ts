import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DCLinter } from "dclint";
import { validate } from "dockerfile-utils";

const dockerfiles = ["Dockerfile", "dev/compose/simulator.Dockerfile"];
/** Matters of taste, and ports, which a test checks by service. */
const switchedOff = [
  "services-alphabetical-order",
  "service-keys-order",
  "top-level-properties-order",
  "no-quotes-in-volumes",
  "require-quotes-in-ports",
  "no-unbound-port-interfaces",
];

/** The faults of Dockerfiles and docker-compose.yml, which linters find without a container engine; undefined: none. */
export async function lintContainerFiles(root: string): Promise<string | undefined> {
  const found: string[] = [];
  for (const path of dockerfiles) {
    for (const { message, range } of validate(await readFile(join(root, path), "utf8"))) {
      const text = typeof message === "string" ? message : message.value;
      found.push(`${path}:${range.start.line + 1}: ${text}`);
    }
  }
  const rules = Object.fromEntries(switchedOff.map((rule) => [rule, 0 as const]));
  const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] });
  for (const { messages } of linter.lintFiles([join(root, "docker-compose.yml")], false)) {
    for (const { rule, line, message } of messages) {
      found.push(`docker-compose.yml:${line}: ${message} (${rule})`);
    }
  }
  return found.length === 0 ? undefined : found.join("\n");
}
