import { AppError } from "#errors";
import type { BackupStore } from "#media/backup/store";

/** The named backup, else the newest. @throws AppError not_found */
export async function chooseBackup(store: BackupStore, wanted: string | null): Promise<string> {
  const names = await store.list();
  const name = wanted ?? names.at(-1);
  if (name !== undefined && names.includes(name)) return name;
  const known = names.length > 0 ? `There are: ${names.join(", ")}.` : "There is none.";
  throw new AppError({
    kind: "not_found",
    code: "not_found",
    message: `The folder has no finished backup${wanted === null ? "" : ` ${wanted}`}. ${known}`,
  });
}
