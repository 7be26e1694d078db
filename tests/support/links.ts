import type { TestApi } from "./api";

// oxlint-disable-next-line typescript/no-explicit-any -- the tests look at bodies as a client does
type Json = any;

/** Makes a share link as its owner does. */
export async function makeLink(
  api: TestApi,
  body: Record<string, unknown>,
): Promise<{ id: string; key: string }> {
  const answer = await api.postJson("/api/v1/share", body);
  const made = (await answer.json()) as Json;
  if (answer.status !== 201) throw new Error(`no link: ${JSON.stringify(made)}`);
  return { id: made.id, key: made.access_key };
}
