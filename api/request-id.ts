const known = new WeakMap<Request, string>();

/** The id of a request: what its sender gave when that is a sane token, else a new one; the same at every call. */
export function requestIdOf(request: Request): string {
  const had = known.get(request);
  if (had !== undefined) return had;
  const given = request.headers.get("x-request-id");
  const id = given !== null && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : crypto.randomUUID();
  known.set(request, id);
  return id;
}
