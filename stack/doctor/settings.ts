import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Config, ConfigError, loadConfig } from "#config";
import type { Check } from "./finding";

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings, or the lines that say what is wrong with them. */
export function readSettings(env: Environment): Config | { faults: string[] } {
  try {
    return loadConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { faults: error.message.split("\n") };
  }
}

/** Settings that are invalid, and settings that are valid and dangerous. */
export function checkSettings(settings: Config | { faults: string[] }, root: string): Check {
  return {
    part: "settings",
    async run({ ok, warning, fault }) {
      if ("faults" in settings) {
        for (const line of settings.faults) {
          fault(`invalid: ${line}`, "Correct it in .env or the environment and restart.");
        }
      } else {
        const dangers = dangersOf(settings);
        for (const { text, advice } of dangers) warning(text, advice);
        if (dangers.length === 0) ok("all are valid, and none is dangerous");
      }
      if (await isReadByOthers(join(root, ".env"))) {
        warning("other users of this machine can read .env", "Run: chmod 600 .env");
      }
    },
  };
}

type Danger = { text: string; advice: string };

const loopback = ["127.0.0.1", "localhost", "::1", "[::1]"];

function dangersOf({ http, secrets, logLevel, invokeai }: Config): Danger[] {
  const dangers: Danger[] = [];
  const add = (text: string, advice: string) => void dangers.push({ text, advice });
  if (secrets.apiToken === null && !loopback.includes(http.host)) {
    add(
      `whoever reaches ${http.host}:${http.port} may do everything: there is no API_TOKEN`,
      "Set API_TOKEN, for example to the output of: openssl rand -base64 32",
    );
  }
  if (http.publicUrl?.startsWith("http://") && !loopback.includes(hostOf(http.publicUrl))) {
    add(
      "PUBLIC_URL is http: passwords of share links travel unencrypted",
      "Put a proxy with a certificate before it; see docs/sharing.md.",
    );
  }
  if (http.publicUrl !== null && http.trustedProxies.length === 0) {
    add(
      "PUBLIC_URL is set without TRUSTED_PROXIES: all visitors count as one, also for limits",
      "Set TRUSTED_PROXIES to the address of the proxy.",
    );
  }
  const everybody = http.trustedProxies.find((range) => range.endsWith("/0"));
  if (everybody !== undefined) {
    add(
      `TRUSTED_PROXIES trusts everybody (${everybody}): clients can choose their address`,
      "Name the proxy's own address.",
    );
  }
  const sendsSecret = secrets.invokeaiLogin !== null && invokeai.localUrl.startsWith("http://");
  if (sendsSecret && !isPrivate(hostOf(invokeai.localUrl))) {
    add(
      "InvokeAI's password or token is sent unencrypted to another machine",
      "Use https in INVOKEAI_LOCAL_URL, or a tunnel.",
    );
  }
  if (logLevel === "silent" || logLevel === "fatal") {
    add(`LOG_LEVEL is ${logLevel}: faults are not logged`, "Set LOG_LEVEL to error or info.");
  }
  return dangers;
}

const hostOf = (url: string) => URL.parse(url)?.hostname ?? "";

/** A loopback or private address, or a name without a dot: a container, a machine of the same network. */
const isPrivate = (host: string) =>
  loopback.includes(host) ||
  !host.includes(".") ||
  /^(10|127|192\.168|172\.(1[6-9]|2\d|3[01]))\.|\.(internal|local|lan)$/.test(host);

async function isReadByOthers(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && (found.mode & 0o044) !== 0;
}
