/** A reason to stop that is meant for the person at the terminal: printed as it is, without a stack. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** Words for a full disk, so that nobody has to find `ENOSPC` in a log. */
export const diskFull = "The disk is full. Free some space and start again; nothing is lost.";

/** True when an error or a log tells of a full disk. */
export function tellsOfFullDisk(text: string): boolean {
  return /ENOSPC|No space left on device|database or disk is full|EDQUOT|Disk quota exceeded/i.test(
    text,
  );
}
