/** Set on every answer, unless the route set its own value, such as the policy of a page. */
const defaults = Object.entries({
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  "cache-control": "private, no-cache",
});

/** Adds the headers that every answer has and this one lacks. */
export function addDefaultHeaders(headers: Headers): void {
  // No route sets this one itself: they were all added before, to headers that are kept for many answers.
  if (headers.has("x-content-type-options")) return;
  for (const [name, value] of defaults) if (!headers.has(name)) headers.set(name, value);
}
