import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { eventKinds } from "#api/modules/events/kinds";
import { variables } from "#config";
import { timingsOf } from "#workflows/timings";

const root = join(import.meta.dir, "../..");

/** Named by documents although no process of ours reads them through `config.ts`. */
const otherVariables = [
  "GALLERY_TEST_CHROMIUM",
  "GALLERY_TEST_SESSION_STEPS",
  "INVOKEAI_TOKEN",
  "INVOKEAI_USER",
  "INVOKEAI_PASSWORD",
  "XDG_CACHE_HOME",
];

const folders = ["api", "workflows", "activities", "db", "media", "dev", "tests", "bench", "docs"];

type Document = { path: string; text: string };

const documents: Document[] = await Promise.all(
  [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    ...new Bun.Glob("docs/**/*.md").scanSync({ cwd: root }),
  ].map(async (path) => ({ path, text: await Bun.file(join(root, path)).text() })),
);

/** `path: what`, for a failure that says where to look. */
function findIn(pattern: RegExp, isFault: (found: string, document: Document) => boolean) {
  return documents.flatMap((document) =>
    [...document.text.matchAll(pattern)]
      .map(([whole, part]) => part ?? whole)
      .filter((found) => isFault(found, document))
      .map((found) => `${document.path}: ${found}`),
  );
}

/** As GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-"),
  );
}

test("there are documents to look at", () => {
  expect(documents.length).toBeGreaterThan(15);
});

test("docs/api.md tells of every kind of event", () => {
  const text = documents.find(({ path }) => path === "docs/api.md")?.text ?? "";
  expect(Object.keys(eventKinds).filter((kind) => !text.includes(`\`${kind}\``))).toEqual([]);
});

test("every link between documents leads somewhere", () => {
  const broken = findIn(/\]\(([^)\s]+)\)/g, (link, document) => {
    if (/^https?:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? document.path : normalize(join(dirname(document.path), file));
    if (!existsSync(join(root, target))) return true;
    const text = documents.find(({ path }) => path === target)?.text;
    return anchor !== undefined && text !== undefined && !anchorsOf(text).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test("a document names no file or folder that is not there", () => {
  // Targets of links are the matter of the test above.
  const named = new RegExp(
    `(?<![\\w/.(-])((?:${folders.join("|")})/[\\w./<>*{},-]*[\\w>*}/])`,
    "g",
  );
  const missing = findIn(named, (path) => {
    // `<feature>` stands for any name; a glob has to find something.
    const pattern = path.replaceAll(/<[^>]+>/g, "*").replace(/\/$/, "");
    if (!/[*{]/.test(pattern)) return !existsSync(join(root, pattern));
    const found = new Bun.Glob(pattern).scanSync({ cwd: root, onlyFiles: false });
    return found.next().done === true;
  });
  expect(missing).toEqual([]);
});

test("a document names no file by its name alone that there is nowhere", () => {
  const named = /`((?:\.\w[\w.]*|[a-zA-Z][\w-]*)\.(?:ts|json|toml|yml|lock|md|example))`/g;
  const everywhere = new Bun.Glob(`{${folders.join(",")}}/**/*.{ts,json,toml,md,example}`);
  const atTop = new Bun.Glob("*.{ts,json,toml,md,example}");
  const known = new Set(
    [everywhere, atTop]
      .flatMap((glob) => [...glob.scanSync({ cwd: root, dot: true })])
      .map((path) => path.slice(path.lastIndexOf("/") + 1)),
  );
  expect(findIn(named, (name) => !known.has(name))).toEqual([]);
});

test("a document names no variable that is not read", () => {
  const known = new Set([...Object.keys(variables), ...otherVariables]);
  expect(findIn(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g, (name) => !known.has(name))).toEqual([]);
});

test("the variables that config.ts does not know are read elsewhere", async () => {
  const sources = await Promise.all(
    [...new Bun.Glob("{dev,tests}/**/*.ts").scanSync({ cwd: root })]
      .filter((path) => path !== relative(root, import.meta.path))
      .map((path) => Bun.file(join(root, path)).text()),
  );
  const isRead = (name: string) => sources.some((text) => text.includes(name));
  expect(otherVariables.filter((name) => !isRead(name))).toEqual([]);
});

test("a document names no verb that ./gallery does not have", async () => {
  const help = Bun.spawn([process.execPath, "--no-env-file", "dev/main.ts", "help"], { cwd: root });
  const usage = await new Response(help.stdout).text();
  const verbs = new Set([...usage.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, verb]) => verb));
  expect(verbs).toContain("up");
  expect(findIn(/\.\/gallery ([a-z]+)/g, (verb) => !verbs.has(verb))).toEqual([]);
});

test("no document speaks of a place on somebody's machine", () => {
  expect(findIn(/(?:^|[\s`"'(])\/(?:work|root|home|Users|tmp|opt)\/\S*/gm, () => true)).toEqual([]);
});

test("the documents of the workflows give every wait as it is", () => {
  const rows = documents
    .filter(({ path }) => path.startsWith("docs/workflows/"))
    .flatMap(({ text }) => [...text.matchAll(/^\| `(\w+Ms)` *\| (\d+) (s|days) *\|/gm)])
    .map(([, name = "", amount, unit]) => ({
      name,
      ms: Number(amount) * (unit === "s" ? 1_000 : 86_400_000),
    }));
  const defaults = new Map(Object.entries(timingsOf({})));
  expect(rows.filter(({ name, ms }) => defaults.get(name) !== ms)).toEqual([]);
  const told = new Set(rows.map(({ name }) => name));
  expect([...defaults.keys()].filter((name) => !told.has(name))).toEqual([]);
});
