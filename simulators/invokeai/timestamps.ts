/** Formats a time like InvokeAI: UTC without a zone, a space in the middle, milliseconds. */
export function sqlTimestamp(at: Date = new Date()): string {
  return at.toISOString().replace("T", " ").replace("Z", "");
}
