import type { VNode } from "preact";
import { AppError } from "#errors";
import { sha256Of } from "#sha256";
import { renderPage } from "../../pages/document";
import { renderPasswordPage } from "../../pages/forms";
import { goneStyle, renderGonePage } from "../../pages/gone";

const closed = "base-uri 'none'; frame-ancestors 'none'";

/** A page loads from this server only, and has no inline scripts or styles. */
const policy = `default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; form-action 'self'; ${closed}`;

const goneStyleHash = sha256Of(goneStyle, "base64");
const gonePolicy = `default-src 'none'; img-src data:; style-src 'sha256-${goneStyleHash}'; ${closed}`;

export const baseOf = (key: string) => `/s/${key}`;

export function answerPage(page: VNode, options: { status?: number; policy?: string } = {}) {
  return new Response(renderPage(page), {
    status: options.status ?? 200,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": options.policy ?? policy,
    },
  });
}

export function answerGone(): Response {
  return answerPage(renderGonePage(), { status: 404, policy: gonePolicy });
}

/** Answers refusals with pages: the password form for a locked link, "Nothing here" for a missing one. */
export async function withErrorPages(
  key: string,
  work: () => Promise<Response>,
  options: { wasTried: boolean },
): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const base = baseOf(key);
    if (error.kind === "unauthorized") {
      const refused = options.wasTried ? "wrong" : "not yet tried";
      return answerPage(renderPasswordPage({ base, refused }), { status: 401 });
    }
    if (error.kind === "rate_limited") return answerTooMany(base, error);
    if (error.kind === "not_found") return answerGone();
    throw error;
  }
}

function answerTooMany(base: string, error: AppError): Response {
  const waitSeconds = Number(error.details?.["retry_after_seconds"] ?? 60);
  const refused = { waitMinutes: Math.max(1, Math.ceil(waitSeconds / 60)) };
  const answer = answerPage(renderPasswordPage({ base, refused }), { status: 429 });
  answer.headers.set("retry-after", `${waitSeconds}`);
  return answer;
}
