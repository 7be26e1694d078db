import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "#stack/ports";
import { until } from "./wait";

const document = new URL("../../docs/sharing.md", import.meta.url).pathname;
const upstream = "127.0.0.1:8000";

type Proxy = {
  program: "nginx" | "caddy";
  debianPackage: string;
  /** Adapts the documented configuration to a test: another port and no certificate. */
  configure: (documented: string, at: { port: number; folder: string }) => string;
  start: (configPath: string, folder: string) => string[];
};

export const proxies = {
  nginx: {
    program: "nginx",
    debianPackage: "nginx-light",
    configure: (documented, { port, folder }) => `
      daemon off; master_process off; pid ${folder}/pid; error_log stderr;
      events {}
      http {
        ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")}
        ${documented.replace("listen 443 ssl;", `listen 127.0.0.1:${port};`).replaceAll(/^\s*ssl_certificate.*$/gm, "")}
      }`,
    start: (configPath, folder) => ["-p", folder, "-e", "stderr", "-c", configPath],
  },
  caddy: {
    program: "caddy",
    debianPackage: "caddy",
    configure: (documented, { port }) =>
      `{\n\tadmin off\n\tauto_https off\n}\n${documented.replace(
        /^photos\.example\.org \{/m,
        `http://photos.example.org:${port} {\n\tbind 127.0.0.1`,
      )}`,
    start: (configPath) => ["run", "--adapter", "caddyfile", "--config", configPath],
  },
} as const satisfies Record<string, Proxy>;

/** The configuration in docs/sharing.md. `andApi` applies its last paragraph: the share routes of the API as well. */
export async function documentedConfiguration(
  name: keyof typeof proxies,
  andApi: boolean,
): Promise<string> {
  const fence = name === "nginx" ? "nginx" : "caddyfile";
  const text = await readFile(document, "utf8");
  const [, block] = new RegExp(`\`\`\`${fence}\n(.*?)\`\`\``, "s").exec(text) ?? [];
  const [, wide, narrow] =
    /begin both patterns with\s+`([^`]+)` instead of `([^`]+)`/.exec(text) ?? [];
  if (!block || !wide || !narrow || !block.includes(narrow)) {
    throw new Error(`docs/sharing.md has no configuration of ${name} that this test understands`);
  }
  return andApi ? block.replace(narrow, wide) : block;
}

/** Runs a proxy with the documented configuration in front of the server at `apiUrl`. */
export async function startProxy(
  name: keyof typeof proxies,
  configuration: string,
  apiUrl: string,
) {
  const proxy: Proxy = proxies[name];
  const program = Bun.which(proxy.program, { PATH: `${process.env["PATH"]}:/usr/sbin` });
  if (program === null) {
    throw new Error(
      `The documented configurations are tested with ${proxy.program}; install it (Debian: apt-get install ${proxy.debianPackage}).`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), `gallery-${name}-`));
  const documented = configuration.replaceAll(upstream, new URL(apiUrl).host);
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    const configPath = join(folder, "config");
    await writeFile(configPath, proxy.configure(documented, { port, folder }));
    const child = Bun.spawn([program, ...proxy.start(configPath, folder)], {
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        XDG_DATA_HOME: folder,
        XDG_CONFIG_HOME: folder,
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const stop = async () => {
      child.kill();
      await child.exited;
      await rm(folder, { recursive: true, force: true });
    };
    const url = `http://127.0.0.1:${port}`;
    const isUp = await until(`${name} that listens`, async () => {
      if (child.exitCode !== null) return "ended";
      return fetch(url, { headers: { host: "photos.example.org" } }).then(
        () => "listens",
        () => undefined,
      );
    }).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
    if (isUp === "listens") return { url, stop };
    // Another program may have taken the port.
    if (attempt < 5) continue;
    const output = await new Response(child.stderr).text();
    await stop();
    throw new Error(output);
  }
}
