import { ProviderError } from "#errors";

/** What a call rejects with. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("The call succeeded.");
}

/** The fault of a provider that a call ends with; another error is thrown. */
export async function providerErrorOf(call: Promise<unknown>): Promise<ProviderError> {
  const error = await failureOf(call);
  if (!(error instanceof ProviderError)) throw error;
  return error;
}
