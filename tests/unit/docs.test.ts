import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { eventKinds } from "#api/modules/events/kinds";
import { variables } from "#config";
import { timingsOf } from "#workflows/timings";
import { schedulers } from "#generation-parameters";

const root = join(import.meta.dir, "../..");

/** Variables in documents that are not read through `config.ts`. */
const otherVariables = [
  "GALLERY_TEST_CHROMIUM",
  "GALLERY_TEST_SESSION_STEPS",
  "INVOKEAI_MULTIUSER",
  "INVOKEAI_TOKEN",
  "INVOKEAI_USER",
  "INVOKEAI_PASSWORD",
  "TEMPORAL_UI_PORT",
  "XDG_CACHE_HOME",
];

const folders = [
  "api",
  "workflows",
  "activities",
  "db",
  "library",
  "media",
  "stack",
  "simulators",
  "dev",
  "tests",
  "bench",
  "docs",
];

type Document = { path: string; text: string };

const documents: Document[] = await Promise.all(
  [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    ...new Bun.Glob("docs/**/*.md").scanSync({ cwd: root }),
  ].map(async (path) => ({ path, text: await Bun.file(join(root, path)).text() })),
);

/** Each fault as `path: text`. */
function findIn(pattern: RegExp, isFault: (found: string, document: Document) => boolean) {
  return documents.flatMap((document) =>
    [...document.text.matchAll(pattern)]
      .map(([whole, part]) => part ?? whole)
      .filter((found) => isFault(found, document))
      .map((found) => `${document.path}: ${found}`),
  );
}

/** Anchors of headings as GitHub generates them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-"),
  );
}

test("there are documents to check", () => {
  expect(documents.length).toBeGreaterThan(15);
});

test("docs/api.md describes every kind of event", () => {
  const text = documents.find(({ path }) => path === "docs/api.md")?.text ?? "";
  expect(Object.keys(eventKinds).filter((kind) => !text.includes(`\`${kind}\``))).toEqual([]);
});

test("every link between documents has a target", () => {
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

test("every file or folder that a document names exists", () => {
  // Link targets are checked by the test above.
  const named = new RegExp(
    `(?<![\\w/.($-])((?:${folders.join("|")})/[\\w./<>*{},-]*[\\w>*}/])`,
    "g",
  );
  const missing = findIn(named, (path) => {
    // `<feature>` stands for any name; a glob has to match something.
    const pattern = path.replaceAll(/<[^>]+>/g, "*").replace(/\/$/, "");
    // A part of the benchmark: `library/lists`.
    if (existsSync(join(root, `bench/measurements/${pattern.replace("/", "-")}.ts`))) return false;
    if (!/[*{]/.test(pattern)) return !existsSync(join(root, pattern));
    const found = new Bun.Glob(pattern).scanSync({ cwd: root, onlyFiles: false });
    return found.next().done === true;
  });
  expect(missing).toEqual([]);
});

test("every file that a document names without its folder exists", () => {
  const named = /`((?:\.\w[\w.]*|[a-zA-Z][\w-]*)\.(?:ts|json|toml|yml|lock|md|example))`/g;
  const everywhere = new Bun.Glob(`{${folders.join(",")}}/**/*.{ts,json,toml,md,example}`);
  const atTop = new Bun.Glob("*.{ts,json,toml,yml,md,example}");
  const known = new Set(
    [everywhere, atTop]
      .flatMap((glob) => [...glob.scanSync({ cwd: root, dot: true })])
      .map((path) => path.slice(path.lastIndexOf("/") + 1)),
  );
  expect(findIn(named, (name) => !known.has(name))).toEqual([]);
});

test("every variable that a document names is read", async () => {
  const compose = await Bun.file(join(root, "docker-compose.yml")).text();
  const ofCompose = [...compose.matchAll(/\$\{([A-Z_]+)/g)].map(([, name = ""]) => name);
  // Compose reads it itself.
  ofCompose.push("COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME");
  const known = new Set([
    ...Object.keys(variables),
    ...ofCompose,
    ...otherVariables,
    // Presets of Ideogram 4 are in capitals, too.
    ...schedulers,
  ]);
  expect(findIn(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g, (name) => !known.has(name))).toEqual([]);
});

test("the variables that config.ts does not know are read elsewhere", async () => {
  const sources = await Promise.all(
    [...new Bun.Glob("{dev,stack,tests}/**/*.ts").scanSync({ cwd: root })]
      .filter((path) => path !== relative(root, import.meta.path))
      .map((path) => Bun.file(join(root, path)).text()),
  );
  const isRead = (name: string) => sources.some((text) => text.includes(name));
  expect(otherVariables.filter((name) => !isRead(name))).toEqual([]);
});

test("every verb and option that a document names exists in ./gallery", async () => {
  const helpOf = async (...args: string[]) => {
    const command = [process.execPath, "--no-env-file", "cli.ts", ...args];
    return new Response(Bun.spawn(command, { cwd: root }).stdout).text();
  };
  const [usage, ofPods] = await Promise.all([helpOf("help"), helpOf("pods", "help")]);
  const usages = new Map<string, string>();
  for (const part of usage.split(/^(?= {2}[a-z])/m).slice(1)) {
    const verb = /[a-z]+/.exec(part)![0];
    usages.set(verb, `${usages.get(verb) ?? ""}${part}${verb === "pods" ? ofPods : ""}`);
  }
  expect([...usages.keys()]).toContain("up");
  const unknown = findIn(/\.\/gallery ([a-z]+[^`\n#|]*)/g, (call) => {
    const known = usages.get(/^[a-z]+/.exec(call)![0]);
    const options = call.match(/(?<=\s)--[a-z][a-z-]*/g) ?? [];
    return known === undefined || options.some((option) => !known.includes(option));
  });
  expect(unknown).toEqual([]);
});

test("no document contains an absolute path of a machine", () => {
  expect(findIn(/(?:^|[\s`"'(])\/(?:work|root|home|Users|tmp|opt)\/\S*/gm, () => true)).toEqual([]);
});

test("the documents of the workflows state every wait correctly", () => {
  const rows = documents
    .filter(({ path }) => path.startsWith("docs/workflows/"))
    .flatMap(({ text }) => [...text.matchAll(/^\| `(\w+Ms)` *\| (\d+) (s|days) *\|/gm)])
    .map(([, name = "", amount, unit]) => ({
      name,
      ms: Number(amount) * (unit === "s" ? 1_000 : 86_400_000),
    }));
  const waits = new Map(Object.entries(timingsOf({})).filter(([name]) => name.endsWith("Ms")));
  expect(rows.filter(({ name, ms }) => waits.get(name) !== ms)).toEqual([]);
  const documented = new Set(rows.map(({ name }) => name));
  expect([...waits.keys()].filter((name) => !documented.has(name))).toEqual([]);
});

test("the documents of the workflows state after how many signals a run continues as new", () => {
  const counts = documents
    .filter(({ path }) => path.startsWith("docs/workflows/"))
    .flatMap(({ text }) => [...text.matchAll(/(\d+ \d{3})\s+signals/g)])
    .map(([, count = ""]) => Number(count.replace(" ", "")));
  // The other number is Temporal's own limit.
  expect(new Set(counts)).toEqual(new Set([timingsOf({}).maxSignalsPerRun, 10_000]));
});
