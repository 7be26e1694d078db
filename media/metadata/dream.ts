import type { UncheckedGeneration } from "./generation";
import { oldScheduler } from "./invokeai";
import { maxTextLength } from "./json-object";

/** Parses `Dream` of InvokeAI 1 and 2: the prompt in quotes, then switches as on a command line. */
export function fromDreamText(text: string): UncheckedGeneration | undefined {
  if (text.length > maxTextLength) return undefined;
  const end = text.lastIndexOf('" -');
  if (!text.startsWith('"') || end < 1) return undefined;
  const switches = new Map<string, string>();
  for (const [, name, value] of text.slice(end + 1, end + 1_000).matchAll(/ -([A-Za-z]) ?(\S+)/g)) {
    switches.set(name!, value!);
  }
  const numberOf = (name: string) => {
    const value = switches.get(name);
    return value === undefined ? undefined : Number(value);
  };
  return {
    prompt: text.slice(1, end),
    steps: numberOf("s"),
    seed: numberOf("S"),
    width: numberOf("W"),
    height: numberOf("H"),
    cfgScale: numberOf("C"),
    strength: numberOf("f"),
    scheduler: oldScheduler(switches.get("A")),
  };
}
