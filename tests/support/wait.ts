/** Looks, each `everyMs`, until `look` finds something; what `seen` tells is in the error when it never does. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  timeoutMs = 30_000,
  seen: () => string = () => "",
  everyMs = 25,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (Date.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}\n${seen()}`.trimEnd());
    }
    await Bun.sleep(everyMs);
  }
}
