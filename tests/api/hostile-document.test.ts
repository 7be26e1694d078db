import { afterAll, expect, test } from "bun:test";
import { createTestApi } from "#tests/support/api";

type Json = Record<string, any>;
const api = await createTestApi();
afterAll(() => api.close());

const document = (await (await api.request("/docs/json")).json()) as Json;

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const rubbish = [
  null,
  true,
  -1,
  0.5,
  1e308,
  "",
  " ",
  "\0",
  "😀".repeat(300),
  "%00",
  "../..",
  [],
  {},
];

/** A random value that the schema allows, or sometimes one that it does not. */
function valueOf(schema: Json, random: () => number): unknown {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
  if (random() < 0.15) return pick(rubbish);
  if (schema["$ref"]) {
    return valueOf(document["components"].schemas[schema["$ref"].split("/").at(-1)], random);
  }
  if (schema["nullable"] && random() < 0.2) return null;
  if (schema["enum"]) return pick(schema["enum"]);
  const { anyOf, allOf, type, format } = schema;
  if (anyOf ?? allOf) return valueOf(pick(anyOf ?? allOf), random);
  if (type === "object") {
    const wanted = Object.entries((schema["properties"] ?? {}) as Json).filter(
      ([name]) => schema["required"]?.includes(name) || random() < 0.5,
    );
    return Object.fromEntries(wanted.map(([name, inner]) => [name, valueOf(inner, random)]));
  }
  if (type === "array") {
    return Array.from({ length: Math.floor(random() * 4) }, () => valueOf(schema["items"], random));
  }
  if (type === "boolean") return random() < 0.5;
  if (type === "integer")
    return pick([0, 1, 5, schema["minimum"] ?? -1, schema["maximum"] ?? 2 ** 53]);
  if (type === "number") return pick([0, 0.5, 64, 512, -1, 1e9]);
  if (format === "uuid") return crypto.randomUUID();
  if (format === "date-time") return pick(["2030-01-01T00:00:00Z", "2030-02-30T00:00:00Z"]);
  return pick(["a", "scratch", "a".repeat(8), "ünï", "\u202e", "x".repeat(10_001)]);
}

/** Words of the library that checks schemas, and patterns, in place of what to send. */
const schemaTerms =
  /\bExpected (string|object|array|union|kind)\b|\bpropert(y|ies) \w|\bmatch|[\^$*]/;

test("for any input a route gives an answer that the document describes and words that a person understands, and never a 500", async () => {
  const random = createRandom(20_261_122);
  const wrong: string[] = [];
  const unclear = new Set<string>();
  for (const [path, item] of Object.entries(document["paths"] as Json)) {
    // Routes that a stub of a service answers, and streams, which never end.
    if (path.endsWith("/events")) continue;
    for (const [method, operation] of Object.entries(item as Json)) {
      for (let n = 0; n < 12; n += 1) {
        const { status, type, sent, messages } = await ask(method, path, operation, random);
        const answer = operation["responses"][status];
        const isTold = answer && (type === "" || type in (answer["content"] ?? {}));
        for (const message of messages) if (schemaTerms.test(message)) unclear.add(message);
        if (!isTold || status === 500) wrong.push(`${method} ${path}: ${status} ${type}; ${sent}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect([...unclear]).toEqual([]);
}, 120_000);

async function ask(method: string, path: string, operation: Json, random: () => number) {
  const parameters = ((operation["parameters"] ?? []) as Json[]).filter((one) => one["name"]);
  const query = new URLSearchParams();
  let address = path;
  for (const { name, in: place, schema } of parameters) {
    const value = String(valueOf(schema, random)).toWellFormed();
    if (place === "path") address = address.replace(`{${name}}`, encodeURIComponent(value) || "x");
    else if (place === "query" && random() < 0.4) query.append(name, value.slice(0, 500));
  }
  const bodySchema = operation["requestBody"]?.content?.["application/json"]?.schema;
  const body = bodySchema && JSON.stringify(valueOf(bodySchema, random));
  const answer = await api.request(`${address}?${query}`, {
    method: method.toUpperCase(),
    ...(body && { body, headers: { "content-type": "application/json" } }),
  });
  const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
  const messages = type === "application/json" ? messagesOf(await answer.json()) : [];
  if (!answer.bodyUsed) await answer.arrayBuffer();
  return {
    status: answer.status,
    type,
    messages,
    sent: `${address}?${query} ${body ?? ""}`.slice(0, 300),
  };
}

function messagesOf({ error }: Json): string[] {
  if (error === undefined) return [];
  const listed = (error.details?.errors ?? []) as Json[];
  return [error.message, ...listed.map((fault) => fault["message"])];
}
