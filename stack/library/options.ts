import { resolve } from "node:path";
import { parseArgs, type ParseArgsConfig } from "node:util";
import type { Command } from "#library/commands/command";
import { Refusal } from "../refusal";

type Places = { root: string; calledFrom: string };
type Environment = Readonly<Record<string, string | undefined>>;

const usage = {
  backup: "usage: ./gallery backup DIR|s3://BUCKET/PREFIX [--keep N] [--data DIR]",
  restore:
    "usage: ./gallery restore DIR|s3://BUCKET/PREFIX [--backup NAME] [--check | --accept-losses] [--data DIR]",
  storage:
    "usage: ./gallery storage status | move --to disk|s3 | cancel | forget-old [--keep-files]   [--data DIR]",
  verify: "usage: ./gallery verify [--repair] [--from DIR|s3://BUCKET/PREFIX] [--data DIR]",
};
export type LibraryVerb = keyof typeof usage;

const options = {
  backup: { keep: { type: "string" } },
  restore: {
    backup: { type: "string" },
    check: { type: "boolean" },
    "accept-losses": { type: "boolean" },
  },
  storage: { to: { type: "string" }, "keep-files": { type: "boolean" } },
  verify: { repair: { type: "boolean" }, from: { type: "string" } },
} as const satisfies Record<LibraryVerb, ParseArgsConfig["options"]>;

/**
 * Parses the arguments of a command. The place of backups defaults to BACKUP_TO; a relative folder is
 * relative to where the owner is.
 * @throws Refusal with the usage
 */
export function parseLibraryOptions(
  verb: LibraryVerb,
  args: readonly string[],
  env: Environment,
  { root, calledFrom }: Places,
): { command: Command; dataDir: string } {
  const { values, positionals } = parse(verb, args);
  const text = (name: string) => values[name] as string | undefined;
  const data = text("data");
  const dataDir =
    data === undefined
      ? resolve(root, env["DATA_DIR"]?.trim() || "data")
      : resolve(calledFrom, data);
  if (verb === "storage") {
    return {
      command: storageCommandOf(positionals, text("to"), values["keep-files"] === true),
      dataDir,
    };
  }
  const named = verb === "verify" ? text("from") : positionals[0];
  const given = named ?? (env["BACKUP_TO"]?.trim() || undefined);
  const folder = given === undefined ? null : placeOf(given, calledFrom);
  const isWrong = positionals.length > (verb === "verify" ? 0 : 1);
  if (isWrong || (folder === null && verb !== "verify")) throw new Refusal(usage[verb]);
  return { command: commandOf(verb, folder, values), dataDir };
}

function commandOf(
  verb: Exclude<LibraryVerb, "storage">,
  folder: string | null,
  values: Record<string, string | boolean | undefined>,
): Command {
  if (verb === "verify") return { verb, folder, repairs: values["repair"] === true };
  // Only a verification does without.
  const there = folder!;
  if (verb === "backup") return { verb, folder: there, keep: parseKeep(values["keep"]) };
  const backup = (values["backup"] as string | undefined) ?? null;
  const acceptsLosses = values["accept-losses"] === true;
  if (values["check"] !== true) return { verb, folder: there, backup, acceptsLosses };
  if (acceptsLosses) throw new Refusal(usage.restore);
  return { verb: "check", folder: there, backup };
}

function storageCommandOf(
  [verb, ...others]: string[],
  to: string | undefined,
  keepsFiles: boolean,
): Command {
  const given = [verb, to !== undefined && "--to", keepsFiles && "--keep-files", ...others];
  switch (given.filter(Boolean).join(" ")) {
    case "status":
      return { verb: "storage-status" };
    case "move --to":
      if (to === "disk" || to === "s3") return { verb: "storage-move", target: to };
      break;
    case "cancel":
      return { verb: "storage-cancel" };
    case "forget-old":
    case "forget-old --keep-files":
      return { verb: "storage-forget-old", keepsFiles };
  }
  throw new Refusal(usage.storage);
}

/** The absolute path of a folder, or `s3://bucket/prefix`. */
function placeOf(given: string, calledFrom: string): string {
  if (!/^s3:/i.test(given)) return resolve(calledFrom, given);
  const place = given.replace(/\/+$/, "");
  if (/^s3:\/\/[a-z0-9][a-z0-9.-]+[a-z0-9](\/(?!\.\.?(\/|$))[A-Za-z0-9_.-]+)*$/.test(place))
    return place;
  throw new Refusal(
    "A bucket of backups is s3://bucket or s3://bucket/prefix; the store's address and the keys are BACKUP_S3_… in .env.",
  );
}

function parseKeep(given: string | boolean | undefined): number | null {
  if (given === undefined) return null;
  const keep = /^\d{1,4}$/.test(String(given)) ? Number(given) : 0;
  if (keep < 1) throw new Refusal("--keep: a whole number above 0");
  return keep;
}

function parse(verb: LibraryVerb, args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...options[verb], data: { type: "string" } } as ParseArgsConfig["options"] & {},
    });
    return {
      values: values as Record<string, string | boolean | undefined>,
      positionals,
    };
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\n${usage[verb]}`);
  }
}
