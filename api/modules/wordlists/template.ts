/** A part of a template: text, a choice between templates, or the name of a list. */
type Part = string | { options: Template[] } | { list: string };

/** A parsed prompt. */
export type Template = Part[];

/** Names as in `__name__`, in any case. */
export const listName = "[a-z0-9]+(?:[-_][a-z0-9]+)*";
const reference = new RegExp(`__(${listName})__`, "iy");
const maxDepth = 10;

/**
 * Parses `{a|b|c}` and `__list__`, nested at will. A backslash before `{`, `}`, `|`, `_` or a backslash makes it literal;
 * before anything else it is literal itself. `fault`: what is wrong, for the user.
 */
export function parseTemplate(text: string): { template: Template } | { fault: string } {
  let at = 0;

  function parse(depth: number): Template {
    const parts: Template = [];
    let literal = "";
    const flush = () => {
      if (literal !== "") parts.push(literal);
      literal = "";
    };
    while (at < text.length) {
      const character = text[at]!;
      if (character === "\\" && /[{}|_\\]/.test(text[at + 1] ?? "")) {
        literal += text[at + 1];
        at += 2;
      } else if (character === "{") {
        flush();
        parts.push({ options: parseOptions(depth + 1) });
      } else if (depth > 0 && (character === "|" || character === "}")) {
        break;
      } else if (character === "}") {
        throw new Unparsable(`has a } without its { at character ${at + 1}; write \\} for a brace`);
      } else {
        reference.lastIndex = at;
        const [whole, name] = reference.exec(text) ?? [];
        if (whole !== undefined && name !== undefined) {
          flush();
          parts.push({ list: name.toLowerCase() });
          at += whole.length;
        } else {
          literal += character;
          at += 1;
        }
      }
    }
    flush();
    return parts;
  }

  function parseOptions(depth: number): Template[] {
    const start = at + 1;
    if (depth > maxDepth) throw new Unparsable(`nests braces deeper than ${maxDepth}`);
    const options: Template[] = [];
    do {
      at += 1;
      options.push(parse(depth));
    } while (text[at] === "|");
    if (text[at] !== "}") {
      throw new Unparsable(`has a { without its } at character ${start}; write \\{ for a brace`);
    }
    at += 1;
    return options;
  }

  try {
    return { template: parse(0) };
  } catch (error) {
    if (error instanceof Unparsable) return { fault: error.message };
    throw error;
  }
}

class Unparsable extends Error {}

/** The names of the lists that a template refers to, without duplicates. */
export function listsOf(template: Template): string[] {
  const names = new Set<string>();
  const collect = (parts: Template): void => {
    for (const part of parts) {
      if (typeof part === "string") continue;
      if ("list" in part) names.add(part.list);
      else for (const option of part.options) collect(option);
    }
  };
  collect(template);
  return [...names];
}
