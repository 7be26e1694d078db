/** An address as it may be shown: without the name and password that it may carry, without a slash at its end. */
export function withoutLogin(address: string): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.toString().replace(/\/+$/, "");
}
