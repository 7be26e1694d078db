import { expect, test } from "bun:test";
import { baseFacts, factsOf } from "#activities/adapters/invokeai/bases";

const document = new URL("../../docs/generation/bases.md", import.meta.url);

/** Variants whose facts differ from those of their base, by InvokeAI's names. */
const variants: [base: string, variant: string][] = [
  ["flux", "schnell"],
  ["flux2", "klein_9b_base"],
  ["z-image", "zbase"],
];

const dash = "–";

/** The cells of a base's row in the table of the document. */
function rowOf(base: string, variant: string | null): string[] {
  const { defaults, accepts } = factsOf({ base, variant })!;
  const { schedulers, needs } = accepts;
  const shownSchedulers =
    schedulers.length > 5
      ? `${schedulers.length}, \`${defaults.scheduler}\``
      : schedulers.map((name) => `\`${name}\``).join(", ");
  const negative = accepts.negativeNeedsCfg ? "with `cfg_scale` above 1" : "yes";
  return [
    `\`${base}\`${variant === null ? "" : ` ${variant}`}`,
    `${accepts.minSize}–${accepts.maxSize}, multiples of ${accepts.sizeMultiple}; ${defaults.width}`,
    String(defaults.steps),
    accepts.cfgScale ? `1–200; ${defaults.cfgScale}` : "1 only",
    accepts.guidance ? `1–20; ${defaults.guidance}` : dash,
    shownSchedulers,
    accepts.negativePrompt ? negative : dash,
    accepts.maxClipSkip > 0 ? `0–${accepts.maxClipSkip}` : dash,
    accepts.loras ? "yes" : dash,
    needs.map(({ type }) => type).join(", ") || dash,
  ];
}

test("docs/generation/bases.md has the facts of each base", async () => {
  const text = await Bun.file(document).text();
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
  const bases: [string, string | null][] = Object.keys(baseFacts).flatMap((base) => [
    [base, null],
    ...variants.filter(([of]) => of === base),
  ]);
  expect(rows).toEqual(bases.map(([base, variant]) => rowOf(base, variant)));
});
