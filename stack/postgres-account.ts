import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { copyPostgresBinaries, type PostgresBinaries } from "./postgres-binaries";
import { Refusal } from "./refusal";

/** The user that runs Postgres; `prefix` precedes each command. */
export type PostgresAccount = {
  prefix: readonly string[];
  binaries: PostgresBinaries;
  /** The folder of the cluster, owned by the account. */
  folder: string;
  /** Changes a file's owner to the account. */
  own: (path: string) => Promise<void>;
};

/**
 * Postgres refuses to run as root. For root, the first that works is used: the owner of an existing cluster; a user
 * namespace that maps root to user 1000, which can access all of root's folders and adds no user to the host; an
 * existing unprivileged user, in a folder that this user can access.
 * @param folder the preferred place for the cluster; its parent exists
 * @param elsewhere a folder that any user can access, for the last case
 */
export async function choosePostgresAccount(
  binaries: PostgresBinaries,
  folder: string,
  elsewhere: string,
): Promise<PostgresAccount> {
  const plain = { prefix: [], binaries, folder, own: async () => {} };
  if (process.getuid?.() !== 0) return plain;

  const owner = await stat(folder).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) {
    const account = await asUser(owner.uid, owner.gid, { binaries, folder, elsewhere });
    if (account !== undefined) return account;
  }
  const mapped = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (canUse(mapped, binaries, folder)) return { ...plain, prefix: mapped };

  for (const user of await unprivilegedUsers()) {
    const account = await asUser(user.uid, user.gid, { binaries, folder, elsewhere });
    if (account !== undefined) return account;
  }
  throw new Refusal(
    "Postgres does not run as root, and neither a user namespace (unshare --user) nor another user is available here. Run this as a plain user, or set DATABASE_URL to a Postgres of your own.",
  );
}

type Places = { binaries: PostgresBinaries; folder: string; elsewhere: string };

async function asUser(
  uid: number,
  gid: number,
  { binaries, folder, elsewhere }: Places,
): Promise<PostgresAccount | undefined> {
  const prefix =
    process.platform === "darwin"
      ? ["sudo", "-n", "-u", `#${uid}`, "--"]
      : ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--"];
  if (Bun.which(prefix[0] ?? "") === null) return undefined;
  const own = (path: string) => chown(path, uid, gid);
  const outside = join(elsewhere, Bun.hash(folder).toString(36));
  for (const place of [folder, outside]) {
    await mkdir(place, { recursive: true, mode: 0o700 });
    await own(place);
    // Its parents must be searchable by everybody; the owner's own folders are not changed.
    if (place === outside) await chmod(elsewhere, 0o755);
    if (!runs([...prefix, "test", "-w", place])) continue;
    const reachable = runs([...prefix, binaries.postgres, "--version"])
      ? binaries
      : await copyPostgresBinaries(binaries, join(elsewhere, "binaries"));
    if (canUse(prefix, reachable, place)) {
      return { prefix, binaries: reachable, folder: place, own };
    }
  }
  return undefined;
}

function canUse(prefix: readonly string[], binaries: PostgresBinaries, folder: string): boolean {
  return (
    runs([...prefix, "test", "-w", folder]) && runs([...prefix, binaries.postgres, "--version"])
  );
}

function runs(command: string[]): boolean {
  try {
    const options = { stdin: "ignore", stdout: "ignore", stderr: "ignore", cwd: "/" } as const;
    return Bun.spawnSync(command, options).success;
  } catch {
    return false; // the program in front does not exist
  }
}

async function unprivilegedUsers(): Promise<{ uid: number; gid: number }[]> {
  const lines = (
    await Bun.file("/etc/passwd")
      .text()
      .catch(() => "")
  ).split("\n");
  return ["postgres", "nobody"].flatMap((wanted) => {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${wanted}:`))?.split(":") ?? [];
    return uid && gid ? [{ uid: Number(uid), gid: Number(gid) }] : [];
  });
}
