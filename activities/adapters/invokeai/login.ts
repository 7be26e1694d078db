import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import type { Http, HttpLogin } from "../http";
import { AuthStatus, LoggedIn } from "./wire";

/** How to log in to an InvokeAI with accounts (6.12 or newer); null: not at all. */
export type Credentials = { token: string } | { user: string; password: string } | null;

/** After a refused login, calls fail with the same error for this long, without another try. */
const refusedForMs = 10_000;

/**
 * Keeps the token of one server. With a user, the token is fetched when it is first needed, replaced by refreshed ones in
 * the server's answers, and fetched again when it has expired; concurrent calls share one login.
 */
export function createLogin(plain: Pick<Http, "readJson">, credentials: Credentials): HttpLogin {
  const fixedToken = credentials !== null && "token" in credentials ? credentials.token : undefined;
  let token = fixedToken;
  let isSettled = false;
  let running: Promise<void> | undefined;
  let refused: { until: number; error: ProviderError } | undefined;

  async function logIn(user: string, password: string): Promise<void> {
    if (refused && Date.now() < refused.until) throw refused.error;
    if (await hasAccounts(plain)) {
      token = await fetchToken(plain, user, password).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
        const message =
          "InvokeAI refused the login; set INVOKEAI_USER and INVOKEAI_PASSWORD to a valid account.";
        refused = { until: Date.now() + refusedForMs, error: locked(message) };
        throw refused.error;
      });
    }
    isSettled = true;
  }

  async function settle(): Promise<void> {
    // Without a user no login is needed: a configured token is always sent.
    if (isSettled || credentials === null || "token" in credentials) return;
    const { user, password } = credentials;
    running ??= logIn(user, password).finally(() => (running = undefined));
    await running;
  }

  const current = () => (token === undefined ? undefined : `Bearer ${token}`);

  return {
    current,

    async authorization() {
      await settle();
      return current();
    },

    take(answer) {
      // The server answers every change with a refreshed token, valid for another full period.
      if (token !== undefined) token = answer.get("x-refreshed-token") ?? token;
    },

    renew(sent) {
      if (credentials === null) return false;
      // A concurrent call may have renewed it since.
      const isNewer = token !== undefined && sent !== current();
      if (!isNewer) {
        token = fixedToken;
        isSettled = false;
      }
      return fixedToken === undefined || sent !== `Bearer ${fixedToken}`;
    },

    refusal() {
      if (credentials === null) {
        return locked(
          "InvokeAI requires a login; set INVOKEAI_USER and INVOKEAI_PASSWORD, or INVOKEAI_TOKEN.",
        );
      }
      return "token" in credentials
        ? locked("InvokeAI does not accept INVOKEAI_TOKEN; set a valid one.")
        : locked("InvokeAI no longer accepts the session of INVOKEAI_USER; the login is repeated.");
    },
  };
}

/** Whether the server has accounts. Versions before 6.12 lack the route and answer with an HTML page or a 404. */
async function hasAccounts(plain: Pick<Http, "readJson">): Promise<boolean> {
  try {
    const status = await plain.readJson({ path: "/api/v1/auth/status" });
    return Value.Check(AuthStatus, status) && status.multiuser_enabled;
  } catch (error) {
    const isAbsent =
      error instanceof ProviderError && (error.fault === "missing" || error.status === 200);
    if (isAbsent) return false;
    throw error;
  }
}

async function fetchToken(
  plain: Pick<Http, "readJson">,
  user: string,
  password: string,
): Promise<string> {
  const answer = await plain.readJson({
    method: "POST",
    path: "/api/v1/auth/login",
    json: { email: user, password, remember_me: true },
  });
  if (Value.Check(LoggedIn, answer)) return answer.token;
  throw locked("InvokeAI answered a login in an unknown format.");
}

/** Wrong (401), disabled (403), or not an email address (422). */
function isRefusal(error: unknown): error is ProviderError {
  return error instanceof ProviderError && [401, 403, 422].includes(error.status ?? 0);
}

/** Without a cause, which could contain the refused credentials. */
function locked(message: string): ProviderError {
  return new ProviderError({
    provider: "invokeai",
    fault: "locked",
    message,
    status: 401,
    retryable: true,
  });
}
