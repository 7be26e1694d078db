import { AppError } from "#errors";
import type { Gate, IssuedToken } from "./gate";
import type { LoginAttempts } from "../../http/login-attempts";

/**
 * Checks a link's password; returns a token for the link if it is right.
 * @throws AppError unauthorized for a wrong password, rate_limited after too many attempts
 */
export async function unlock(
  { gate, loginAttempts }: { gate: Gate; loginAttempts: LoginAttempts },
  visitor: { key: string; token: string | undefined; address: string | undefined },
  password: string,
): Promise<IssuedToken> {
  const { link, grant } = await gate.pass(visitor, { password: false, views: "left" });
  await loginAttempts.count({ secret: link.id, address: visitor.address });
  const isRight =
    link.passwordHash === null || (await Bun.password.verify(password, link.passwordHash));
  if (isRight) return gate.issue(link, { ...grant, unlocked: true });
  throw new AppError({
    kind: "unauthorized",
    code: "unauthorized",
    message: "That is not the password of this link.",
    details: { password_required: true },
  });
}
