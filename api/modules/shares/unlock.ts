import { AppError } from "#errors";
import type { Gate, Visit } from "./gate";
import type { GuessLimit } from "../../guesses";

/**
 * Takes a guess at a link's password; a token for the link when it is right.
 * @throws AppError unauthorized when it is wrong, rate_limited after too many
 */
export async function unlock(
  { gate, guesses }: { gate: Gate; guesses: GuessLimit },
  visitor: { key: string; token: string | undefined; address: string | undefined },
  password: string,
): Promise<NonNullable<Visit["issued"]>> {
  const { link, grant } = await gate.pass(visitor, { password: false, views: "left" });
  await guesses.count({ secret: link.id, address: visitor.address });
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
