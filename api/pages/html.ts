const trusted = Symbol("trusted html");

/** Text that is HTML already; made by `html` alone. */
export type Html = { readonly [trusted]: string };

/** What may stand in a template: text is escaped, `Html` is taken as it is, nothing shows as nothing. */
export type Part = string | number | Html | readonly Part[] | null | undefined | false;

/**
 * A template whose holes are escaped, each of them, for text and for attribute values in double quotes alike.
 * There is no way to put a text in unescaped.
 */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  const text = strings.reduce((made, literal, at) => made + toText(parts[at - 1]) + literal);
  return { [trusted]: text };
}

/** The finished page as text. */
export function renderPage(page: Html): string {
  return `<!doctype html>\n${page[trusted]}\n`;
}

function toText(part: Part): string {
  if (part === null || part === undefined || part === false) return "";
  if (typeof part === "string" || typeof part === "number") return escape(String(part));
  return trusted in part ? part[trusted] : part.map(toText).join("");
}

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
