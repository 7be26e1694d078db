import { promisify } from "node:util";
import { gzip } from "node:zlib";

const compress = promisify(gzip);

/** The response of a route, before faults and compression. */
export type Answer = {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
};

export function json(value: unknown, status = 200): Answer {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** The usual error shape, `{"detail": …}`. */
export function detail(status: number, words: unknown): Answer {
  return json({ detail: words }, status);
}

export function plainText(status: number, words: string): Answer {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: Buffer.from(words),
  };
}

export function html(status: number, markup: string): Answer {
  return {
    status,
    headers: { "content-type": "text/html; charset=utf-8" },
    body: Buffer.from(markup),
  };
}

/** The same response compressed, with its Content-Length adapted. */
export async function gzipAnswer(answer: Answer): Promise<Answer> {
  const headers = { ...answer.headers, "content-encoding": "gzip", vary: "Accept-Encoding" };
  return { ...answer, headers, body: await compress(answer.body, { level: 1 }) };
}

/** The UI's page, with which the real server answers every unknown GET path. */
export function userInterface(): Answer {
  return html(
    200,
    '<!doctype html><html lang="en"><head><title>Invoke - Community Edition</title></head><body><div id="root"></div></body></html>',
  );
}
