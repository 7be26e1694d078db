import { environmentOf, type Program } from "#config";

type Environment = Record<string, string | undefined>;

/** Variables that every program may need; none of them names a database, a key or an address. */
const allowed = [
  "PATH",
  "HOME",
  "USER",
  "SHELL",
  "TMPDIR",
  "LANG",
  "LC_ALL",
  "TZ",
  "TERM",
  "CI",
  "NO_COLOR",
  "FORCE_COLOR",
  "XDG_CACHE_HOME",
  "GALLERY_TEST_CHROMIUM",
  "GALLERY_TEST_S3_URL",
  "GALLERY_TEST_SESSION_STEPS",
  "PLAYWRIGHT_BROWSERS_PATH",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "GOPROXY",
  "GOMODCACHE",
  "GOCACHE",
  "GOPATH",
];

/** The environment of `test`, `check` and `bench`, without the owner's settings. */
export function allowedEnvironment(env: Environment): Environment {
  return pick(env, allowed);
}

/** Variables of the machine that any program may need. */
const ofMachine = [
  "PATH",
  "HOME",
  "USER",
  "TMPDIR",
  "LANG",
  "LC_ALL",
  "TZ",
  "LD_LIBRARY_PATH",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
];
/** Only the worker connects to other hosts. */
const ofNetwork = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** The environment of one of our programs: variables of the machine, and those that it reads. */
export function programEnvironment(program: Program, env: Environment): Environment {
  const names = program === "worker" ? [...ofMachine, ...ofNetwork] : ofMachine;
  return { ...pick(env, names), ...environmentOf(program, env) };
}

/** The environment of a foreign program, such as the compiler. */
export function foreignEnvironment(env: Environment): Environment {
  return { ...pick(env, ofNetwork), ...allowedEnvironment(env) };
}

function pick(env: Environment, names: readonly string[]): Environment {
  return Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

/** Reads the owner's `.env` in the same way as Bun does for `up`. */
export async function readOwnersEnvironment(root: string, names: string[]): Promise<Environment> {
  const program = `console.log(JSON.stringify(Object.fromEntries(${JSON.stringify(names)}.map((n) => [n, process.env[n]]))))`;
  const child = Bun.spawn([process.execPath, "--eval", program], {
    cwd: root,
    env: {},
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  return JSON.parse(await new Response(child.stdout).text()) as Environment;
}
