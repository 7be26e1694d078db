/** A reason to stop, for the user at the terminal: printed as it is, without a stack trace. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** The message for a full disk, so that users do not have to search a log for `ENOSPC`. */
export const diskFull = "The disk is full. Free some space and start again; nothing is lost.";

/** Whether an error or a log reports a full disk. */
export function reportsFullDisk(text: string): boolean {
  return /ENOSPC|disk is full|No space left on device|EDQUOT|Disk quota exceeded/i.test(text);
}
