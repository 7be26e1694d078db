type Environment = Record<string, string | undefined>;

/** What a program needs from its surroundings; nothing that names a database, a key or an address. */
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
  "GALLERY_TEST_SESSION_STEPS",
  "PLAYWRIGHT_BROWSERS_PATH",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "GOPROXY",
  "GOMODCACHE",
  "GOCACHE",
  "GOPATH",
];

/** The environment of `test`, `check` and `bench`: an owner's settings never reach them. */
export function allowedEnvironment(env: Environment): Environment {
  return Object.fromEntries(
    allowed.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

/** What the owner's `.env` says, read the way Bun reads it for `up`. */
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
