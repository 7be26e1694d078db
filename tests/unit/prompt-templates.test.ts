import { describe, expect, test } from "bun:test";
import { expandTemplate } from "#api/modules/wordlists/expand";
import { listsOf, parseTemplate, type Template } from "#api/modules/wordlists/template";

function parse(text: string): Template {
  const parsed = parseTemplate(text);
  if ("fault" in parsed) throw new Error(parsed.fault);
  return parsed.template;
}

function expand(text: string, seed: number, lists: Record<string, string[]> = {}): string {
  const made = expandTemplate(parse(text), new Map(Object.entries(lists)), seed);
  if ("fault" in made) throw new Error(made.fault);
  return made.text;
}

const seeds = Array.from({ length: 400 }, (_, at) => 1_000 + at);
const allOf = (text: string, lists?: Record<string, string[]>) =>
  new Set(seeds.map((seed) => expand(text, seed, lists)));

describe("a template", () => {
  test.each([
    ["a boat", ["a boat"]],
    ["{a|b}", ["a", "b"]],
    ["{very |}big", ["very big", "big"]],
    ["{a {x|y}|b}", ["a x", "a y", "b"]],
    ["{a}", ["a"]],
    ["a|b", ["a|b"]],
    [String.raw`\{a\|b\} \_\_c\_\_ \(d\)`, [String.raw`{a|b} __c__ \(d\)`]],
    ["__c__, __C__ ____ __ c __", ["1, 1 ____ __ c __"]],
    ["__a-b__x__c__", ["2x1"]],
    ["{__c__|__nested__}", ["1", "3 1"]],
  ])("%s chooses among %j", (text, texts) => {
    const lists = { c: ["1"], "a-b": ["2"], nested: ["3 __c__"] };
    expect([...allOf(text, lists)].toSorted()).toEqual(texts.toSorted());
  });

  test("chooses the same for the same seed, and each option about as often", () => {
    expect(seeds.map((seed) => expand("{a|b|c|d} {e|f}", seed))).toEqual(
      seeds.map((seed) => expand("{a|b|c|d} {e|f}", seed)),
    );
    // Consecutive seeds, as those of a batch.
    for (const letter of ["a", "b", "c", "d"]) {
      const amount = seeds.filter((seed) => expand("{a|b|c|d}", seed) === letter).length;
      expect(amount).toBeGreaterThan(70);
      expect(amount).toBeLessThan(130);
    }
  });

  test("keeps its choices: seeds of a library choose the same in every version", () => {
    const text = "{a|b|c|d|e|f|g|h} {a|b|c|d|e|f|g|h} __c__";
    const c = ["1", "2", "3", "4", "5", "6", "7", "8"];
    expect([0, 1, 2 ** 32 - 1].map((seed) => expand(text, seed, { c }))).toMatchInlineSnapshot(`
      [
        "c a 2",
        "f a 5",
        "h b 6",
      ]
    `);
  });

  test("an entry that is given twice is chosen twice as often", () => {
    const amount = seeds.filter((seed) => expand("__c__", seed, { c: ["1", "1", "2"] }) === "1");
    expect(amount.length / seeds.length).toBeGreaterThan(0.58);
    expect(amount.length / seeds.length).toBeLessThan(0.75);
  });

  test.each([
    ["a {b|c", "has a { without its } at character 3; write \\{ for a brace"],
    ["a } b", "has a } without its { at character 3; write \\} for a brace"],
    ["{".repeat(11) + "}".repeat(11), "nests braces deeper than 10"],
  ])("%s is refused", (text, fault) => {
    expect(parseTemplate(text)).toEqual({ fault });
  });

  test("names its lists once each, also inside of choices", () => {
    expect(listsOf(parse("__a__ {__b__|{__c-d__|__A__}}"))).toEqual(["a", "b", "c-d"]);
  });

  test("that grows without end is refused, however little text it makes", () => {
    const twice = (name: string) => [`__${name}__`.repeat(30)];
    const grown = { a: twice("b"), b: twice("c"), c: twice("d"), d: ["{|}"] };
    expect(expandTemplate(parse("__a__"), new Map(Object.entries(grown)), 1)).toEqual({
      fault: "makes more than 10000 choices",
    });
    const long = new Map([["a", ["x".repeat(1_000)]]]);
    expect(expandTemplate(parse("__a__".repeat(11)), long, 1)).toEqual({
      fault: "is longer than 10000 characters",
    });
  });
});
