import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BunPlugin } from "bun";

/** Native code, and what bundles workflows: loaded from its own place, and only if it is used. */
const notBundled = /^(@temporalio\/core-bridge|@swc\/.*|sharp|webpack|unionfs|memfs)$/;

/**
 * Bundles api and worker for the tests, which start them a hundred times: a process of a bundle with bytecode needs half of
 * the processor time until it has loaded its modules.
 */
export async function bundleTestPrograms(root: string, folder: string): Promise<void> {
  await Bun.build({
    entrypoints: ["api", "worker"].map((name) => join(root, `tests/support/processes/${name}.ts`)),
    outdir: folder,
    target: "bun",
    format: "cjs",
    bytecode: true,
    plugins: [keepPlaces],
  });
}

/** A bundled module finds the files beside its source, as it does without a bundle. */
const keepPlaces: BunPlugin = {
  name: "keep-places",
  setup(build) {
    build.onResolve({ filter: notBundled }, ({ path, importer }) => ({
      path: Bun.resolveSync(path, dirname(importer)),
      external: true,
    }));
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await Bun.file(path).text();
      const contents = source
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href))
        .replaceAll("import.meta.dir", JSON.stringify(dirname(path)));
      return { contents, loader: "ts" };
    });
    build.onLoad(
      { filter: /@temporalio\/worker\/lib\/(workflow|debug-replayer)\/.*\.js$/ },
      async ({ path }) => {
        const source = await Bun.file(path).text();
        const contents = source.replace(/\brequire\.resolve\('([^']+)'\)/g, (_, name: string) =>
          JSON.stringify(Bun.resolveSync(name, dirname(path))),
        );
        return { contents, loader: "js" };
      },
    );
  },
};
