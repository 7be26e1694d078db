import type { Database } from "bun:sqlite";
import { detail, json, type Answer } from "./answers.ts";
import type { RouteName } from "./control.ts";
import { readJson } from "./read-json.ts";
import type { RouteRequest } from "./router.ts";
import type { Traits } from "./versions.ts";

/** An administrator and the lifetime of a token; without a login the set-up route makes the administrator. */
export type AccountOptions = {
  email?: string;
  password?: string;
  /** Default: a day. */
  tokenLifetimeMs?: number;
};

type User = { email: string; display_name: string | null; password: string };

export type Accounts = ReturnType<typeof createAccounts>;

const dayMs = 86_400_000;
/** The prefix of every token, so that a search finds places where one was leaked. */
export const tokenPrefix = "eyJSIMULATED";
const openRoutes: ReadonlySet<string> = new Set([
  "version",
  "authStatus",
  "login",
  "setup",
  "openapi",
]);
const pictures: ReadonlySet<string> = new Set(["imageFull", "imageHead", "imageThumbnail"]);
const mutating: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** Multi-user mode: a valid token permits everything. Without options no login is needed. */
export function createAccounts(
  database: Database,
  options: AccountOptions | undefined,
  traits: Traits,
) {
  const lifetimeMs = options?.tokenLifetimeMs ?? dayMs;
  /** The expiry time of each token. */
  const tokens = new Map<string, number>();
  const { email, password } = options ?? {};
  if (email !== undefined && password !== undefined) save({ email, display_name: null, password });

  function save(user: User): void {
    database
      .query(
        `insert into users (email, display_name, password, is_admin)
           values ($email, $display_name, $password, 1)
           on conflict (email) do update set password = $password`,
      )
      .run(user);
  }

  const findUser = (byEmail: string): User | undefined =>
    database.query<User, [string]>("select * from users where email = ?").get(byEmail) ?? undefined;

  const hasAdmin = (): boolean => database.query("select 1 from users").get() !== null;

  function issue(): string {
    const token = `${tokenPrefix}${crypto.randomUUID().replaceAll("-", "")}`;
    tokens.set(token, Date.now() + lifetimeMs);
    return token;
  }

  const isValid = (token: string | undefined) =>
    token !== undefined && (tokens.get(token) ?? 0) > Date.now();

  return {
    isOn: options !== undefined,
    requiresSetup: (): boolean => options !== undefined && !hasAdmin(),

    /** The error for a request that is not allowed; undefined for one that is. */
    refuse(route: RouteName | "other", { headers }: RouteRequest): Answer | undefined {
      if (options === undefined || route === "other" || openRoutes.has(route)) return undefined;
      if (pictures.has(route) && !traits.protectsPictures) return undefined;
      const token = readBearer(headers.get("authorization"));
      if (token === undefined) return detail(401, "Authentication required");
      return isValid(token) ? undefined : detail(401, "Invalid or expired token");
    },

    /** Whether a socket may connect, by the token in its handshake or its header. */
    admits: (token: string | undefined, authorization: string | undefined): boolean =>
      options === undefined || isValid(token ?? readBearer(authorization ?? null)),

    /** A successful change with a valid token gets a new token in the response. */
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
      const user = findUser(given.email ?? "");
      if (user === undefined || given.password !== user.password) {
        return detail(401, "Incorrect email or password");
      }
      const expiresIn = Math.floor(lifetimeMs / 1000);
      return json({ token: issue(), user: describe(user), expires_in: expiresIn });
    },

    /** Makes the first administrator, for whoever asks first. */
    setUp(request: RouteRequest): Answer {
      if (options === undefined) {
        const words = "Multiuser mode is disabled. Admin setup is not required";
        return detail(403, `${words} in single-user mode.`);
      }
      if (hasAdmin()) return detail(400, "Administrator account already configured");
      const given = readJson(request) as Partial<User>;
      if (!given.password) return detail(400, "Password cannot be empty");
      const user: User = {
        email: given.email ?? "",
        display_name: given.display_name ?? null,
        password: given.password,
      };
      save(user);
      return json({ success: true, user: describe(user) });
    },

    /** Invalidates all tokens; with a new password the old one no longer works. */
    changePassword(next: string | undefined): void {
      tokens.clear();
      if (next !== undefined) database.query("update users set password = ?").run(next);
    },
  };
}

const describe = ({ email, display_name }: User) => ({
  user_id: email,
  email,
  display_name,
  is_admin: true,
  is_active: true,
});

function readBearer(authorization: string | null): string | undefined {
  return /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
}
