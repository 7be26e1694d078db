import { Refusal } from "./refusal";

type Urls = { DATABASE_URL?: string | undefined; TEST_DATABASE_URL?: string | undefined };

/**
 * The database server that the caller chose for the tests; undefined when they start their own.
 * @throws Refusal when it is the database with the owner's photos
 */
export function chooseTestDatabase(env: Urls, dotenv: Urls): string | undefined {
  const wanted = env.TEST_DATABASE_URL || dotenv.TEST_DATABASE_URL;
  if (!wanted) return undefined;
  const own = [env.DATABASE_URL, dotenv.DATABASE_URL].filter((url) => url);
  if (own.some((url) => isSameDatabase(url as string, wanted))) {
    throw new Refusal(
      "TEST_DATABASE_URL names the same database as DATABASE_URL, and tests create and drop tables at will. Set another one, or remove the variable to use a temporary Postgres.",
    );
  }
  return wanted;
}

function isSameDatabase(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [one, other].map((text) => {
    const url = URL.parse(text);
    if (url === null) return text;
    const host = ["localhost", "[::1]"].includes(url.hostname) ? "127.0.0.1" : url.hostname;
    return `${host}:${url.port || "5432"}${url.pathname}`;
  });
  return a === b;
}
