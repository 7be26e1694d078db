const timeoutMs = 10_000;

/**
 * Sends one POST of JSON.
 * @throws Error without the address, which is a secret, when the answer is no success
 */
export async function postNotice(url: string, body: object, signal: AbortSignal): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "User-Agent": "photo-gallery" },
    body: JSON.stringify(body),
    // A redirect would turn it into a GET.
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  }).catch((error: unknown) => {
    throw new Error(`no answer (${error instanceof Error ? error.name : "unknown"})`);
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
}
