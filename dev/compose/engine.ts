import { Refusal } from "#stack/refusal";

type Environment = Record<string, string | undefined>;

/** The command line tool of a container engine. */
export type Engine = {
  /** @throws Error with the end of its output when it fails */
  docker: (...args: string[]) => Promise<string>;
};

/** Which engine, and how it is reached. Nothing else: a variable would override the project's own of the same name. */
const names = [
  "PATH",
  "HOME",
  "DOCKER_HOST",
  "DOCKER_CONTEXT",
  "DOCKER_CONFIG",
  "DOCKER_CERT_PATH",
  "DOCKER_TLS_VERIFY",
  "XDG_RUNTIME_DIR",
  "SSH_AUTH_SOCK",
];
const shownLines = 30;

/** @throws Refusal when no engine answers, or one without compose */
export async function openEngine(root: string, env: Environment): Promise<Engine> {
  const own = Object.fromEntries(names.map((name) => [name, env[name]]));
  const docker = async (...args: string[]) => {
    const child = Bun.spawn(["docker", ...args], {
      cwd: root,
      env: own,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, faults] = await Promise.all(
      [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
    );
    if ((await child.exited) === 0) return output!.trim();
    const end = `${output}${faults}`.trim().split("\n").slice(-shownLines).join("\n");
    throw new Error(`docker ${args.join(" ")} failed:\n${end}`);
  };
  try {
    await docker("version");
    await docker("compose", "version");
  } catch (cause) {
    throw new Refusal(
      "./gallery test --compose needs a container engine, and none answers: install Docker Engine with compose, or set DOCKER_HOST. ./gallery test needs none, and holds the rules of both files.",
      { cause },
    );
  }
  return { docker };
}
