import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import type { Http, HttpLogin } from "../http";
import { AuthStatus, LoggedIn } from "./wire";

/** With what an InvokeAI with accounts (6.12 or newer) is entered; null: with nothing. */
export type Credentials = { token: string } | { user: string; password: string } | null;

/** How long a refused login is not tried again: whoever asks meanwhile hears the same. */
const refusedForMs = 10_000;

/**
 * Keeps the token of one server. With a user it is fetched when it is first needed, taken anew from
 * whatever a server answers, and fetched again when it holds no longer; all who need one at the same
 * time wait for one login.
 */
export function createLogin(plain: Pick<Http, "readJson">, credentials: Credentials): HttpLogin {
  const given = credentials !== null && "token" in credentials ? credentials.token : undefined;
  let token = given;
  let isSettled = false;
  let running: Promise<void> | undefined;
  let refused: { until: number; error: ProviderError } | undefined;

  async function enter(user: string, password: string): Promise<void> {
    if (refused && Date.now() < refused.until) throw refused.error;
    if (await hasAccounts(plain)) {
      token = await fetchToken(plain, user, password).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
        const message =
          "InvokeAI refused the login; set INVOKEAI_USER and INVOKEAI_PASSWORD right.";
        refused = { until: Date.now() + refusedForMs, error: locked(message) };
        throw refused.error;
      });
    }
    isSettled = true;
  }

  async function settle(): Promise<void> {
    // Without a user there is nothing to find out: a token is sent to whoever answers.
    if (isSettled || credentials === null || "token" in credentials) return;
    const { user, password } = credentials;
    running ??= enter(user, password).finally(() => (running = undefined));
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
      // Every change is answered with a token that holds as long again from then on.
      if (token !== undefined) token = answer.get("x-refreshed-token") ?? token;
    },

    renew(sent) {
      if (credentials === null) return false;
      // Somebody else may have renewed it since.
      const isNewer = token !== undefined && sent !== current();
      if (!isNewer) {
        token = given;
        isSettled = false;
      }
      return given === undefined || sent !== `Bearer ${given}`;
    },

    refusal() {
      if (credentials === null) {
        return locked(
          "InvokeAI wants a login; set INVOKEAI_USER and INVOKEAI_PASSWORD, or INVOKEAI_TOKEN.",
        );
      }
      return "token" in credentials
        ? locked("InvokeAI does not take INVOKEAI_TOKEN, or no longer; set another.")
        : locked("InvokeAI refuses what INVOKEAI_USER was let in with; the login is tried again.");
    },
  };
}

/** Whether there is somebody to log in as; below 6.12 the route is not there, which is a page or a 404. */
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
  throw locked("InvokeAI answered a login in a shape that is not known.");
}

/** Wrong (401), disabled (403), or no address of mail at all (422). */
function isRefusal(error: unknown): error is ProviderError {
  return error instanceof ProviderError && [401, 403, 422].includes(error.status ?? 0);
}

/** Without a cause: what was refused may be in it. */
function locked(message: string): ProviderError {
  return new ProviderError({
    provider: "invokeai",
    fault: "locked",
    message,
    status: 401,
    retryable: true,
  });
}
