import { join } from "node:path";
import {
  baseFacts,
  type BaseFacts,
  factsOf,
  type ModelKind,
} from "#activities/adapters/invokeai/bases";

const document = "docs/generation/bases.md";
const rebuild = "bun --no-env-file dev/bases-doc.ts";
const begin = `<!-- Made by ${rebuild}; change activities/adapters/invokeai/bases.ts and companions.ts. -->`;
const end = "<!-- End of the generated tables. -->";

const dash = "–";

/** Models that have a row of their own, with what it adds to the base's name. */
const variantRows: Readonly<
  Record<string, readonly [addition: string, model: Partial<ModelKind>][]>
> = {
  "sd-1": [["inpainting", { variant: "inpaint" }]],
  sdxl: [["inpainting", { variant: "inpaint" }]],
  flux: [
    ["schnell", { variant: "schnell" }],
    ["Kontext", { variant: "dev", name: "Kontext" }],
    ["Fill", { variant: "dev_fill" }],
  ],
  flux2: [
    ["Klein base", { variant: "klein_9b_base" }],
    ["dev", { variant: "dev" }],
  ],
  "z-image": [["base", { variant: "zbase" }]],
  "krea-2": [["base", { variant: "krea2_base" }]],
  "ernie-image": [["Turbo", { name: "Turbo" }]],
  wan: [["TI2V 5B", { variant: "ti2v_5b" }]],
};

const rows = Object.keys(baseFacts).flatMap(
  (base): [base: string, addition: string, model: Partial<ModelKind>][] => [
    [base, "", {}],
    ...(variantRows[base] ?? []).map(([addition, model]): [string, string, Partial<ModelKind>] => [
      base,
      addition,
      model,
    ]),
  ],
);

function factsOfRow(base: string, model: Partial<ModelKind>): BaseFacts {
  const facts = factsOf({ base, variant: null, format: "diffusers", name: "", ...model });
  if (!facts) throw new Error(`nothing is known of ${base}`);
  return facts;
}

const columns: readonly [title: string, cell: (facts: BaseFacts) => string][] = [
  [
    "width, height; usual",
    ({ accepts, defaults }) =>
      `${accepts.minSize}–${accepts.maxSize}, multiples of ${accepts.sizeMultiple}; ${defaults.width}`,
  ],
  [
    "steps; usual",
    ({ accepts, defaults }) =>
      `${accepts.minSteps?.[defaults.scheduler] ?? 1}–${accepts.maxSteps ?? 500}; ${defaults.steps}`,
  ],
  [
    "`cfg_scale`; usual",
    ({ accepts, defaults }) => (accepts.cfgScale ? `1–200; ${defaults.cfgScale}` : "1 only"),
  ],
  [
    "`guidance`; usual",
    ({ accepts, defaults }) =>
      accepts.guidance === false
        ? dash
        : `1–${accepts.maxGuidance ?? 20}; ${defaults.guidance ?? "the preset's"}`,
  ],
  [
    "`scheduler`",
    ({ accepts: { schedulers }, defaults }) =>
      schedulers.length > 6
        ? `${schedulers.length}, \`${defaults.scheduler}\``
        : schedulers.map((name) => `\`${name}\``).join(", "),
  ],
  [
    "`negative_prompt`",
    ({ accepts }) => {
      if (!accepts.negativePrompt) return dash;
      return accepts.negativeNeedsCfg ? "with `cfg_scale` above 1" : "yes";
    },
  ],
  [
    "from an image",
    ({ accepts }) => (accepts.partsOnly ? "a part only" : accepts.imageToImage ? "yes" : dash),
  ],
  ["`hires`", ({ accepts }) => (accepts.hires ? "yes" : dash)],
  ["LoRAs", ({ accepts }) => (accepts.loras ? "yes" : dash)],
  ["VAEs of", ({ accepts }) => accepts.vaeBases.map((base) => `\`${base}\``).join(", ") || dash],
  ["`clip_skip`", ({ accepts }) => (accepts.maxClipSkip > 0 ? `0–${accepts.maxClipSkip}` : dash)],
  ["InvokeAI", ({ accepts }) => (accepts.since === undefined ? "6.13" : accepts.since)],
];

const parameters = () =>
  markdownTable(
    ["base", ...columns.map(([title]) => title)],
    rows.map(([base, addition, model]) => {
      const facts = factsOfRow(base, model);
      const name = `\`${base}\`${addition === "" ? "" : ` ${addition}`}`;
      return [name, ...columns.map(([, cell]) => cell(facts))];
    }),
  );

/** Kinds of models that need others, by how the document names them. */
const single: readonly [name: string, model: Pick<ModelKind, "base" | "variant">][] = [
  ["`flux`", { base: "flux", variant: "dev" }],
  ["`flux2` Klein 4B", { base: "flux2", variant: "klein_4b" }],
  ["`flux2` Klein 9B", { base: "flux2", variant: "klein_9b" }],
  ["`flux2` dev", { base: "flux2", variant: "dev" }],
  ["`z-image`", { base: "z-image", variant: "turbo" }],
  ["`qwen-image`", { base: "qwen-image", variant: "generate" }],
  ["`qwen-image` edit", { base: "qwen-image", variant: "edit" }],
  ["`krea-2`", { base: "krea-2", variant: "krea2_turbo" }],
  ["`anima`", { base: "anima", variant: null }],
];

const companions = () =>
  markdownTable(
    ["single file of", "needs", "for example"],
    single.flatMap(([name, { base, variant }]) =>
      factsOfRow(base, { variant, format: "gguf_quantized" }).accepts.companions.map(
        (needed, at) => [
          at === 0 ? name : "or",
          needed.map(({ title }) => title).join(", "),
          needed.map(({ source }) => `\`${source}\``).join(", "),
        ],
      ),
    ),
  );

/** As the formatter leaves it. */
function markdownTable(titles: readonly string[], cells: readonly (readonly string[])[]): string {
  const widths = titles.map((title, at) =>
    Math.max(3, title.length, ...cells.map((row) => row[at]!.length)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  return [line(titles), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join(
    "\n",
  );
}

function withTables(text: string): string {
  const [before, after] = [text.split(begin)[0]!, text.split(end)[1]];
  if (after === undefined || before === text) throw new Error(`${document} has lost its marks`);
  const words =
    "What a model needs beside it when it is a single file, such as GGUF; best first, with what `POST /models/install` takes:";
  return `${before}${[begin, parameters(), words, companions(), end].join("\n\n")}${after}`;
}

/** What to do when the tables of the document are out of date; undefined when they are current. */
export async function checkBasesDoc(root: string): Promise<string | undefined> {
  const committed = await Bun.file(join(root, document)).text();
  if (committed === withTables(committed)) return undefined;
  return `${document} does not have the facts of the bases; run: ${rebuild}`;
}

if (import.meta.main) {
  const path = join(import.meta.dir, "..", document);
  await Bun.write(path, withTables(await Bun.file(path).text()));
}
