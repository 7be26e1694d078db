const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Accepts upper and lower case; Postgres would fail on anything else. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

/** Each id once, in the lower case that Postgres writes. */
export function distinctIds(given: readonly string[]): string[] {
  return [...new Set(given.map((id) => id.toLowerCase()))];
}
