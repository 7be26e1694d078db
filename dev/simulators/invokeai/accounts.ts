import { detail, json, type Answer } from "./answers.ts";
import type { RouteName } from "./control.ts";
import { readJson } from "./read-json.ts";
import type { RouteRequest } from "./router.ts";
import type { Traits } from "./versions.ts";

/** The one who may log in, an admin, and how long a token holds. */
export type AccountOptions = {
  email: string;
  password: string;
  /** Default: a day. */
  tokenLifetimeMs?: number;
};

export type Accounts = ReturnType<typeof createAccounts>;

const dayMs = 86_400_000;
/** What every token begins with, so that a search finds where one was written down. */
export const tokenPrefix = "eyJSIMULATED";
const openRoutes: ReadonlySet<string> = new Set(["version", "authStatus", "login", "openapi"]);
const pictures: ReadonlySet<string> = new Set(["imageFull", "imageHead", "imageThumbnail"]);
const mutating: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** Multi-user mode: who has a token may do everything; without options everybody is let in. */
export function createAccounts(options: AccountOptions | undefined, traits: Traits) {
  const lifetimeMs = options?.tokenLifetimeMs ?? dayMs;
  let { password } = options ?? { password: "" };
  /** The moment at which each token ends. */
  const tokens = new Map<string, number>();

  function issue(): string {
    const token = `${tokenPrefix}${crypto.randomUUID().replaceAll("-", "")}`;
    tokens.set(token, Date.now() + lifetimeMs);
    return token;
  }

  const isValid = (token: string | undefined) =>
    token !== undefined && (tokens.get(token) ?? 0) > Date.now();

  return {
    isOn: options !== undefined,

    /** The refusal of a request that is not allowed here; undefined lets it pass. */
    refuse(route: RouteName | "other", { headers }: RouteRequest): Answer | undefined {
      if (options === undefined || route === "other" || openRoutes.has(route)) return undefined;
      if (pictures.has(route) && !traits.guardsPictures) return undefined;
      const token = readBearer(headers.get("authorization"));
      if (token === undefined) return detail(401, "Authentication required");
      return isValid(token) ? undefined : detail(401, "Invalid or expired token");
    },

    /** Whether a socket may connect: by the token of its handshake or of its header. */
    admits: (token: string | undefined, authorization: string | undefined): boolean =>
      options === undefined || isValid(token ?? readBearer(authorization ?? null)),

    /** What has been changed with a valid token answers with the next one. */
    refresh(request: RouteRequest, route: RouteName | "other", answer: Answer): Answer {
      const isDue = mutating.has(request.method) && route !== "login" && answer.status < 400;
      if (!isDue || !isValid(readBearer(request.headers.get("authorization")))) return answer;
      return { ...answer, headers: { ...answer.headers, "x-refreshed-token": issue() } };
    },

    logIn(request: RouteRequest): Answer {
      if (options === undefined) {
        const words = "Multiuser mode is disabled. Authentication is not required";
        return detail(403, `${words} in single-user mode.`);
      }
      const given = readJson(request) as { email?: string; password?: string };
      const { email } = options;
      if (given.email !== email || given.password !== password) {
        return detail(401, "Incorrect email or password");
      }
      const about = { user_id: email, email, display_name: null, is_admin: true, is_active: true };
      return json({ token: issue(), user: about, expires_in: Math.floor(lifetimeMs / 1000) });
    },

    /** What was issued no longer holds, and with a new password nobody gets in by the old one. */
    changePassword(next: string | undefined): void {
      tokens.clear();
      password = next ?? password;
    },
  };
}

function readBearer(authorization: string | null): string | undefined {
  return /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
}
