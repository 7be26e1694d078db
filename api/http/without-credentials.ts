/** A URL that may be shown to clients: without user name, password and trailing slashes. */
export function withoutCredentials(address: string): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.toString().replace(/\/+$/, "");
}
