import type { TestApi } from "./api";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Json = any;

/** Creates a share link as the owner. */
export async function makeLink(
  api: TestApi,
  body: Record<string, unknown>,
): Promise<{ id: string; key: string }> {
  const answer = await api.postJson("/api/v1/share", body);
  const made = (await answer.json()) as Json;
  if (answer.status !== 201) throw new Error(`no link: ${JSON.stringify(made)}`);
  return { id: made.id, key: made.access_key };
}
