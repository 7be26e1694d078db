/** Browsers send one of these headers with a prefetch, whose answer may never be shown. */
const headerNames = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

export function isPrefetch({ headers }: Request): boolean {
  return headerNames.some((name) => /prefetch|prerender|preview/i.test(headers.get(name) ?? ""));
}
