import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environmentOf, loadConfig, type Program, variables } from "#config";
import { ownImports } from "#tests/support/own-imports";

const root = join(import.meta.dir, "../..");
const read = (path: string) => readFile(join(root, path), "utf8");

type Service = {
  image: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  networks: string[];
  profiles?: string[];
  restart: string;
  healthcheck: { test?: string[]; disable?: boolean };
  depends_on?: Record<string, { condition: string }>;
  logging: { options: Record<string, string> };
  security_opt: string[];
  cap_drop: string[];
  read_only: boolean;
  mem_limit: string;
  pids_limit: number;
  stop_grace_period?: string;
};
type Compose = {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
};

const text = await read("docker-compose.yml");
const compose = Bun.YAML.parse(text) as Compose;
const services = Object.entries(compose.services);
/** They end by themselves, and others wait for that. */
const tasks = ["postgres-roles", "temporal-schema", "migrate"];

/** Names of the services that break a rule. */
const breaking = (isKept: (service: Service, name: string) => boolean) =>
  services.filter(([name, service]) => !isKept(service, name)).map(([name]) => name);

test("every service is limited, restarted, checked, and its logs are rotated", () => {
  expect(services.map(([name]) => name).toSorted()).toEqual(
    [
      "api",
      "invokeai",
      "migrate",
      "postgres",
      "postgres-roles",
      "proxy",
      "temporal",
      "temporal-schema",
      "temporal-ui",
      "temporal-ui-proxy",
      "worker",
    ].toSorted(),
  );
  expect(breaking((one) => Boolean(one.mem_limit) && one.pids_limit > 0)).toEqual([]);
  expect(breaking((one) => Boolean(one.logging.options["max-size"]))).toEqual([]);
  const restarts = (name: string) => (tasks.includes(name) ? "on-failure:5" : "unless-stopped");
  expect(breaking((one, name) => one.restart === restarts(name))).toEqual([]);
  expect(breaking((one, name) => tasks.includes(name) || Boolean(one.healthcheck.test))).toEqual(
    [],
  );
  expect(breaking((one, name) => tasks.includes(name) || Boolean(one.stop_grace_period))).toEqual(
    [],
  );
});

test("no service can write to its own files, gain rights or keep capabilities; InvokeAI writes to its files", () => {
  expect(breaking((one) => one.cap_drop.includes("ALL"))).toEqual([]);
  expect(breaking((one) => one.security_opt.includes("no-new-privileges:true"))).toEqual([]);
  expect(breaking((one) => one.read_only)).toEqual(["invokeai"]);
});

test("only this machine reaches the published ports, except those of the proxy; Postgres and Temporal have none", () => {
  expect(
    breaking((one) => (one.ports ?? []).every((port) => port.startsWith("127.0.0.1:"))),
  ).toEqual(["proxy"]);
  const inside = ["postgres", "postgres-roles", "temporal-schema", "temporal", "temporal-ui"];
  for (const name of inside) {
    expect([name, compose.services[name]?.networks, compose.services[name]?.ports]).toEqual([
      name,
      ["inside"],
      undefined,
    ]);
  }
  expect(compose.networks["inside"]?.internal).toBe(true);
});

test("a service starts after those that it needs, at any state of an old installation", () => {
  const conditions = Object.fromEntries(
    services.map(([name, { depends_on: needs = {} }]) => [
      name,
      Object.entries(needs).map(([needed, { condition }]) => `${needed}: ${condition}`),
    ]),
  );
  const done = "service_completed_successfully";
  expect(conditions).toMatchObject({
    "postgres-roles": ["postgres: service_healthy"],
    "temporal-schema": [`postgres-roles: ${done}`],
    migrate: [`postgres-roles: ${done}`],
    temporal: [`temporal-schema: ${done}`],
    api: [`migrate: ${done}`],
    worker: [`migrate: ${done}`, "temporal: service_healthy"],
  });
});

test("images have exact versions; ours is that of the package, and Temporal's server and schema match", async () => {
  const { version } = JSON.parse(await read("package.json")) as { version: string };
  expect(compose.services["api"]?.image).toBe(`photo-gallery:\${GALLERY_VERSION:-${version}}`);
  const foreign = services.filter(([, { build }]) => build === undefined);
  expect(
    foreign.filter(([, { image }]) => !/:v?\d+\.\d+(\.\d+)?(-cuda)?$/.test(image)).map(([n]) => n),
  ).toEqual([]);
  const tagOf = (name: string) => compose.services[name]?.image.split(":")[1];
  expect(tagOf("temporal-schema")).toBe(tagOf("temporal"));
  const dockerfile = await read("Dockerfile");
  const bunVersion = /^bun_version=(.*)$/m.exec(await read("gallery"))?.[1];
  const bases = [...dockerfile.matchAll(/^FROM (\S+:\S+)/gm)].map(([, base]) => base);
  expect(new Set(bases)).toEqual(new Set([`oven/bun:${bunVersion}-debian`]));
  expect(dockerfile).toContain(`org.opencontainers.image.version="${version}"`);
  expect(dockerfile).toMatch(/^USER 1000:1000$/m);
});

/** Set by the file itself, or without use in a container. */
const notPassed: Record<Exclude<Program, "library">, string[]> = {
  api: ["DATA_DIR", "ALLOW_UNAUTHENTICATED"],
  worker: ["DATA_DIR", "WORKFLOW_BUNDLE"],
  migrate: [],
};

test.each(["api", "worker", "migrate"] as const)(
  "%s gets all variables that it reads, and none of another program",
  (program) => {
    const given = compose.services[program]?.environment ?? {};
    const all = Object.fromEntries(Object.keys(variables).map((name) => [name, "x"]));
    const reads = Object.keys(environmentOf(program, all));
    const expected = reads.filter((name) => !notPassed[program].includes(name));
    expect(Object.keys(given).toSorted()).toEqual(expected.toSorted());
  },
);

test("the API does not get RunPod's key, only whether there is one", () => {
  // oxlint-disable-next-line no-template-curly-in-string -- the syntax of compose
  expect(compose.services["api"]?.environment?.["RUNPOD_API_KEY"]).toBe("${RUNPOD_API_KEY:+set}");
});

test("every variable of the file is documented, and a missing secret is named", async () => {
  const document = await read("docs/deployment.md");
  const used = new Set([...text.matchAll(/(?<!\$)\$\{([A-Z0-9_]+)/g)].map(([, name = ""]) => name));
  const documented = (name: string) => name in variables || document.includes(`\`${name}\``);
  expect([...used].filter((name) => !documented(name))).toEqual([]);
  const needed = new Set(
    [...text.matchAll(/(?<!\$)\$\{([A-Z_]+):\?/g)].map(([, name = ""]) => name),
  );
  expect([...needed].toSorted()).toEqual([...secrets].toSorted());
});

const secrets = [
  "API_TOKEN",
  "GALLERY_DATABASE_PASSWORD",
  "POSTGRES_PASSWORD",
  "TEMPORAL_DATABASE_PASSWORD",
  "TEMPORAL_UI_SECRET",
];

test("the proxy publishes exactly what docs/sharing.md says", async () => {
  const documented = /```caddyfile\n(.*?)```/s.exec(await read("docs/sharing.md"))?.[1] ?? "";
  const site = documented
    .replace("photos.example.org {", "{$PUBLIC_URL} {")
    .replace("127.0.0.1:8000", "api:8000");
  expect(site).toContain("{$PUBLIC_URL}");
  expect(await read("ops/compose/Caddyfile")).toContain(site);
});

test("a build gets every file that the programs import, and nothing else", async () => {
  const lines = (await read(".dockerignore")).split("\n");
  const kept = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  const { imports } = JSON.parse(await read("package.json")) as { imports: Record<string, string> };
  const folders = Object.values(imports).map((path) => path.replace(/^\.\//, "").split("/")[0]!);
  const needed = new Set(folders.filter((path) => !path.endsWith(".ts")));
  for (const name of ["bench", "dev", "simulators", "tests"]) needed.delete(name);
  expect(kept.filter((path) => needed.has(path)).toSorted()).toEqual([...needed].toSorted());
  expect(kept.filter((path) => /^(\.|data|dev|tests)/.test(path))).toEqual([]);
});

/** What each build starts from, and what limits the files that it gets. */
const builds = {
  ".dockerignore": [
    ...new Set([...text.matchAll(/[\w/-]+\.ts\b/g)].map(([path]) => path)),
    "stack/bundle.ts",
  ],
  "dev/compose/simulator.Dockerfile.dockerignore": ["simulators/invokeai/main.ts"],
};

test.each(Object.entries(builds))(
  "%s leaves out no file that a program imports",
  async (ignore, programs) => {
    const kept = (await read(ignore)).split("\n").filter((line) => line.startsWith("!"));
    const globs = kept.flatMap((line) => [line.slice(1), `${line.slice(1)}/**`]);
    const files = await ownImports(root, programs);
    expect(files.length).toBeGreaterThan(programs.length);
    const missing = files.filter((file) => !globs.some((glob) => new Bun.Glob(glob).match(file)));
    expect(missing).toEqual([]);
  },
);

async function init(file: string): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(["sh", join(root, "ops/compose/init.sh"), file], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const streams = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  return { code: await child.exited, output: (await Promise.all(streams)).join("") };
}

const parse = (env: string): Record<string, string> =>
  Object.fromEntries(
    [...env.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value = ""]) => [name, value]),
  );

test("init writes strong secrets that only their owner reads, and says what to do next", async () => {
  const folder = await mkdtemp(join(tmpdir(), "compose-init-"));
  try {
    const [first, second] = [join(folder, "one"), join(folder, "two")];
    expect(await init(first)).toMatchObject({ code: 0 });
    expect((await init(second)).output).toContain("docker compose up -d --wait");
    const one = parse(await readFile(first, "utf8"));
    const two = parse(await readFile(second, "utf8"));
    expect(Object.keys(one).toSorted()).toEqual(secrets);
    const values = [...Object.values(one), ...Object.values(two)];
    expect(values.filter((value) => !/^[A-Za-z0-9_-]{43}$/.test(value))).toEqual([]);
    expect(new Set(values).size).toBe(2 * secrets.length);
    expect((await stat(first)).mode & 0o777).toBe(0o600);
    const url = `postgres://gallery:${one["GALLERY_DATABASE_PASSWORD"]}@postgres/gallery`;
    expect(
      loadConfig({ DATABASE_URL: url, HOST: "0.0.0.0", API_TOKEN: one["API_TOKEN"]! }).http.host,
    ).toBe("0.0.0.0");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("init leaves a .env that exists as it is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "compose-init-"));
  try {
    const file = join(folder, ".env");
    await writeFile(file, "API_TOKEN=the-token-of-the-owner\n");
    const { code, output } = await init(file);
    expect(code).toBe(1);
    expect(output).toContain("was not changed");
    expect(await readFile(file, "utf8")).toBe("API_TOKEN=the-token-of-the-owner\n");
  } finally {
    await rm(folder, { recursive: true });
  }
});
