import { type Static, t } from "elysia";
import type { Wordlist } from "#db/schema/wordlists";
import { type FieldFault, invalid } from "#errors";
import { isUuid } from "../../fields/ids";
import { listName, listsOf, parseTemplate } from "./template";

const strict = { additionalProperties: false };
const moment = t.String({ format: "date-time" });
const maxNameLength = 64;
const maxEntryLength = 1_000;

/** Wider than the real limits, which `toWordlist` applies to trimmed text. */
const name = t.String({
  minLength: 1,
  maxLength: 200,
  description:
    "Letters a to z and digits, with single - or _ between them; at most 64. Stored in lower case.",
});
const entries = t.Array(t.String(), {
  minItems: 1,
  maxItems: 5_000,
  description:
    "1 to 1000 characters each, trimmed. May hold {a|b} and __other__ lists. An entry that is given twice is chosen twice as often.",
});

export const wordlistParams = t.Object({ id: t.String({ description: "The name, or the id" }) });
export const wordlistBody = t.Object({ name, entries }, strict);
export const wordlistChange = t.Object(
  { name: t.Optional(name), entries: t.Optional(entries) },
  { ...strict, minProperties: 1 },
);

const shared = {
  id: t.String({ format: "uuid" }),
  name: t.String(),
  size: t.Integer({ description: "How many entries" }),
  refers_to: t.Array(t.String(), { description: "The lists that the entries name" }),
  created_at: moment,
  updated_at: moment,
};

/** In a list of lists: without entries. */
export const wordlistSummary = t.Object(shared, { title: "WordlistSummary" });
export const wordlistSchema = t.Object(
  { ...shared, entries: t.Array(t.String()) },
  { title: "Wordlist" },
);

type Fields = Pick<Wordlist, "name" | "entries" | "refersTo">;

/**
 * The fields of a body as they are stored.
 * @throws AppError validation_error that lists every fault
 */
export function toWordlist(body: Static<typeof wordlistChange>): Partial<Fields> {
  const faults: FieldFault[] = [];
  const tidyName = body.name?.trim().toLowerCase();
  if (tidyName !== undefined && !isName(tidyName)) {
    const message = `at most ${maxNameLength} letters a to z and digits, with single - or _ between them, and no id`;
    faults.push({ path: "name", message });
  }
  const refersTo = new Set<string>();
  const tidyEntries = body.entries?.map((given, at) => {
    const entry = given.normalize("NFC").trim();
    const path = `entries.${at}`;
    if (entry === "" || Array.from(entry).length > maxEntryLength) {
      faults.push({ path, message: `1 to ${maxEntryLength} characters` });
      return entry;
    }
    const parsed = parseTemplate(entry);
    if ("fault" in parsed) faults.push({ path, message: parsed.fault });
    else for (const list of listsOf(parsed.template)) refersTo.add(list);
    return entry;
  });
  if (faults.length > 0) {
    throw invalid("The list cannot be stored; see details.errors.", faults.slice(0, 20));
  }
  return {
    ...(tidyName !== undefined && { name: tidyName }),
    ...(tidyEntries && { entries: tidyEntries, refersTo: [...refersTo].toSorted() }),
  };
}

function isName(text: string): boolean {
  return text.length <= maxNameLength && new RegExp(`^${listName}$`).test(text) && !isUuid(text);
}

type Summary = Omit<Wordlist, "entries"> & { size: number };

export function summaryToWire(row: Summary): Static<typeof wordlistSummary> {
  return {
    id: row.id,
    name: row.name,
    size: row.size,
    refers_to: row.refersTo,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function wordlistToWire(row: Wordlist): Static<typeof wordlistSchema> {
  return { ...summaryToWire({ ...row, size: row.entries.length }), entries: row.entries };
}
