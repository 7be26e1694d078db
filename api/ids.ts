const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An id in any case; Postgres would fail on anything else. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

/** Each id once, as Postgres writes it. */
export function distinctIds(given: readonly string[]): string[] {
  return [...new Set(given.map((id) => id.toLowerCase()))];
}
