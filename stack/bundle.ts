import { rename } from "node:fs/promises";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";

/**
 * `bun stack/bundle.ts FILE`: bundles the workflows into FILE. Runs in a separate process, since the bundler keeps
 * some 200 MB that nothing else needs.
 */
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error("usage: bun stack/bundle.ts FILE");
const { code } = await bundleWorkflowCode({
  workflowsPath: new URL("../workflows/index.ts", import.meta.url).pathname,
  workflowInterceptorModules: [
    new URL("../workflows/trace/interceptors.ts", import.meta.url).pathname,
  ],
  logger: new DefaultLogger("WARN"),
});
const partial = `${target}.${process.pid}`;
await Bun.write(partial, code);
await rename(partial, target);
