const heads = new WeakSet<Request>();

/** Remembers that a request, which is answered as a GET, is a HEAD. */
export function markHead(request: Request): void {
  heads.add(request);
}

/** For the rare GET that has an effect, which a HEAD must not have. */
export function isHead(request: Request): boolean {
  return heads.has(request);
}
