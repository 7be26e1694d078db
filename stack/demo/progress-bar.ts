const width = 30;

/** A line that is redrawn on a terminal; elsewhere a new line for each quarter. */
export function createProgressBar(out: {
  isTTY?: boolean;
  write: (text: string) => unknown;
}): (fraction: number, message: string) => void {
  let shown = -1;
  return (fraction, message) => {
    const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width);
    const percent = `${Math.round(fraction * 100)}`.padStart(3);
    const line = `     [${"█".repeat(filled)}${"░".repeat(width - filled)}] ${percent} %  ${message}`;
    if (out.isTTY) {
      out.write(`\r\u001B[2K${line}${fraction >= 1 ? "\n" : ""}`);
      return;
    }
    const quarter = Math.floor(fraction * 4);
    if (quarter <= shown) return;
    shown = quarter;
    out.write(`${line}\n`);
  };
}
