import { randomBytes } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "#stack/ports";
import type { Engine } from "./engine";

/** docker-compose.yml with InvokeAI's simulator, under a name, with ports, secrets and images of its own. */
export type Project = Awaited<ReturnType<typeof createProject>>;

/** The services that keep running. */
export const services = [
  "postgres",
  "temporal",
  "temporal-ui",
  "temporal-ui-proxy",
  "api",
  "worker",
  "proxy",
  "invokeai-simulator",
] as const;
export type Service = (typeof services)[number];

const files = ["docker-compose.yml", "dev/compose/simulated.yml"];
/** Of the image's build, which needs the package registry. It works on an engine without a bridge, too. */
const buildNetwork = ["--network", "host"];
const asRoot = ["run", "--rm", "--privileged", "--pid=host", "--network=none", "--user=0"];

export async function createProject({ docker }: Engine, root: string) {
  const folder = await mkdtemp(join(tmpdir(), "gallery-compose-"));
  const name = `gallery-test-${randomBytes(4).toString("hex")}`;
  const envFile = join(folder, "env");
  const [port, uiPort, simulatorPort, proxyPort] = await Promise.all(
    Array.from({ length: 4 }, findFreePort),
  );

  const compose = (...args: string[]) =>
    docker(
      "compose",
      "--project-name",
      name,
      "--env-file",
      envFile,
      ...files.flatMap((file) => ["--file", join(root, file)]),
      ...args,
    );
  const containerOf = async (service: Service) => {
    const id = await compose("ps", "--all", "--quiet", service);
    if (!/^[0-9a-f]{64}$/.test(id)) throw new Error(`${service} has no container`);
    return id;
  };
  const secrets = async () => {
    const lines = (await readFile(envFile, "utf8")).matchAll(/^([A-Z_]+)=(.*)$/gm);
    return Object.fromEntries([...lines].map(([, key, value = ""]) => [key, value]));
  };
  const versions = ["one", "two"] as const;
  type Version = (typeof versions)[number];
  const imageOf = (version: Version) => `photo-gallery:${name}-${version}`;
  const networks = ["inside", "outside"].map((network) => `${name}_${network}`);
  /** Of dev/compose/simulated.yml; they do not belong to the project, so that they survive `down --volumes`. */
  const volumes = { simulator: `${name}-simulator`, backups: `${name}-backups` };

  return {
    baseUrl: `http://127.0.0.1:${port}`,
    uiOrigin: `http://127.0.0.1:${uiPort}`,
    simulatorUrl: `http://127.0.0.1:${simulatorPort}`,
    proxyUrl: `https://localhost:${proxyPort}`,
    docker,
    compose,
    secrets,

    /** What the owner does: new secrets, and a few settings. */
    async init(): Promise<void> {
      const child = Bun.spawn(["sh", join(root, "ops/compose/init.sh"), envFile], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      if ((await child.exited) !== 0) throw new Error("the secrets could not be written");
      const settings = {
        PORT: port,
        TEMPORAL_UI_PORT: uiPort,
        INVOKEAI_LOCAL_URL: "http://invokeai-simulator:9090",
        // Caddy makes the certificate of this name itself.
        PUBLIC_URL: "https://localhost",
        COMPOSE_PROFILES: "proxy",
        GALLERY_TEST: name,
        GALLERY_TEST_SIMULATOR_PORT: simulatorPort,
        GALLERY_TEST_PROXY_PORT: proxyPort,
      };
      const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
      await appendFile(envFile, lines.join(""));
      await this.useVersion("one");
    },

    /** Of several values the last counts. */
    useVersion: (version: Version) => appendFile(envFile, `GALLERY_VERSION=${name}-${version}\n`),

    build: (version: Version) =>
      docker(
        "build",
        ...buildNetwork,
        "--quiet",
        "--label",
        `test=${version}`,
        "--tag",
        imageOf(version),
        root,
      ),
    buildSimulator: () =>
      docker(
        "build",
        ...buildNetwork,
        "--quiet",
        "--file",
        join(root, "dev/compose/simulator.Dockerfile"),
        "--tag",
        `photo-gallery-simulator:${name}`,
        root,
      ),

    /** Needs the image. */
    async createVolumes(): Promise<void> {
      for (const volume of Object.values(volumes)) await docker("volume", "create", volume);
      const mount = `${volumes.backups}:/backups`;
      const chown = ["chown", "1000:1000", "/backups"];
      await docker("run", "--rm", "--user=0", "--volume", mount, imageOf("one"), ...chown);
    },

    /** A verb of ./gallery beside a running program, as docs/deployment.md says. */
    gallery: (service: "api" | "worker", ...args: string[]) =>
      compose("exec", "-T", service, "./gallery", ...args),
    /** A verb of ./gallery while API and worker do not run. */
    galleryAlone: (...args: string[]) =>
      compose("run", "--rm", "-T", "worker", "./gallery", ...args),

    /** Of the owner's only the backups and .env remain; InvokeAI's machine is another one. */
    loseEverything: () => compose("down", "--volumes", "--remove-orphans"),

    /** As docs/deployment.md says. */
    up: () => compose("up", "--detach", "--wait", "--wait-timeout", "180"),

    inspect: async (service: Service, format: string) =>
      docker("inspect", "--format", format, await containerOf(service)),

    /** A SIGKILL from outside of the container; the engine's own would count as the owner's wish to stop it. */
    async kill(service: Service): Promise<void> {
      const pid = await docker("inspect", "--format", "{{.State.Pid}}", await containerOf(service));
      await docker(...asRoot, imageOf("one"), "sh", "-c", `kill -9 ${pid}`);
    },

    async cutOff(service: Service): Promise<void> {
      const id = await containerOf(service);
      for (const network of networks) await docker("network", "disconnect", network, id);
    },
    async connectAgain(service: Service): Promise<void> {
      const id = await containerOf(service);
      for (const network of networks) {
        await docker("network", "connect", "--alias", service, network, id);
      }
    },

    logs: (...of: Service[]) => compose("logs", "--no-color", "--timestamps", ...of),

    async remove(): Promise<void> {
      await compose("down", "--volumes", "--remove-orphans", "--timeout", "5").catch(() => {});
      for (const volume of Object.values(volumes)) {
        await docker("volume", "rm", volume).catch(() => {});
      }
      // By name: an image of the same content may have names of the owner's.
      const images = [...versions.map(imageOf), `photo-gallery-simulator:${name}`];
      for (const image of images) await docker("rmi", image).catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}
