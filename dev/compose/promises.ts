import { showTour } from "#stack/demo/tour";
import type { Owner } from "./owner";
import { type Project, type Service, services } from "./project";

/** What a gallery in containers promises. `keep` throws when it does not hold; they run in this order, on one gallery. */
export type ComposePromise = {
  title: string;
  keep: (world: { project: Project; owner: Owner }) => Promise<void>;
};

const tourMs = 25;
/** Four images then take 12 s, and 48 s. */
const [slowMs, slowestMs] = [150, 600];
const cutMs = 60_000;

export const promises: ComposePromise[] = [
  {
    title:
      "nothing runs as root but Caddy, nothing writes to its image, nothing keeps a capability",
    keep: async ({ project }) => {
      const format = "{{.Config.User}}|{{.HostConfig.ReadonlyRootfs}}|{{.HostConfig.CapDrop}}";
      for (const service of services.filter((name) => name !== "invokeai-simulator")) {
        const [user, isReadOnly, dropped] = (await project.inspect(service, format)).split("|");
        const isRoot = user === "" || user === "0" || user === "root";
        expectEqual(service, [isRoot, isReadOnly, dropped], [service === "proxy", "true", "[ALL]"]);
      }
    },
  },
  {
    title: "only loopback addresses are published, and Postgres and Temporal not at all",
    keep: async ({ project }) => {
      const format = "{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}";
      for (const service of services) {
        const addresses = (await project.inspect(service, format)).split(" ").filter(Boolean);
        const isHidden = ["postgres", "temporal", "temporal-ui", "worker"].includes(service);
        expectEqual(service, [...new Set(addresses)], isHidden ? [] : ["127.0.0.1"]);
      }
    },
  },
  {
    title: "the tour: upload, session, eight generated images, album, share link",
    keep: async ({ project, owner }) => {
      await owner.invokeai.setStepDelay(tourMs);
      const stack = { baseUrl: project.baseUrl, dataDir: "/data", headers: owner.headers };
      if (!(await showTour(stack))) throw new Error("the tour ended early");
    },
  },
  {
    title: "an uploaded photo has a thumbnail, and its original comes back byte for byte",
    keep: async ({ owner }) => {
      const { id } = await owner.upload();
      const thumbnail = await owner.fetch(`/photos/${id}/thumbnail`);
      const type = thumbnail.headers.get("content-type");
      expectEqual("the thumbnail", [thumbnail.status, type], [200, "image/webp"]);
    },
  },
  {
    title: "strangers reach a share link over TLS, and nothing else",
    keep: async ({ project, owner }) => {
      const { id } = await owner.upload();
      const link = await owner.api.call<{ url: string }>("POST", "/share", { photo_id: id });
      const visit = async (path: string) =>
        (await fetch(`${project.proxyUrl}${path}`, { tls: { rejectUnauthorized: false } })).status;
      const page = new URL(link.url).pathname;
      const paths = [page, "/", "/health/live", "/docs", "/metrics", "/api/v1/photos", `/x${page}`];
      const statuses = await Promise.all(paths.map(visit));
      expectEqual("the pages", statuses, [200, ...paths.slice(1).map(() => 404)]);
    },
  },
  {
    title: "the Temporal web UI answers at its secret address and nowhere else",
    keep: async ({ project }) => {
      const { TEMPORAL_UI_SECRET: secret } = await project.secrets();
      const visit = async (path: string) => (await fetch(`${project.uiOrigin}${path}`)).status;
      const secretly = await Promise.all(
        ["/", "/api/v1/namespaces"].map((p) => visit(`/${secret}${p}`)),
      );
      const openly = await Promise.all(["/", "/api/v1/namespaces"].map(visit));
      expectEqual("the statuses", [...secretly, ...openly], [200, 200, 404, 404]);
    },
  },
  {
    title: "without a token the API says that it lives and whether it is ready, and no more",
    keep: async ({ project }) => {
      const visit = async (path: string) => (await fetch(`${project.baseUrl}${path}`)).status;
      const paths = ["/health/live", "/health/ready?brief=true", "/health/ready", "/api/v1/photos"];
      expectEqual("the statuses", await Promise.all(paths.map(visit)), [200, 200, 401, 401]);
    },
  },
  {
    title: "the doctor finds nothing at fault, and names Temporal or Postgres while it is stopped",
    keep: async ({ project, owner }) => {
      expectEqual("the faults", await examine(project), []);
      for (const service of ["temporal", "postgres"] as const) {
        await project.compose("stop", service);
        const part = service === "postgres" ? "database" : service;
        const faults = await examine(project);
        if (!faults.includes(part)) {
          throw new Error(`without ${service} it names only ${faults.join(", ")}`);
        }
        await project.compose("start", service);
        await owner.waitUntilWell();
      }
    },
  },
  {
    title:
      "an idle worker whose program stands still is killed by its health check, and starts again",
    keep: async ({ project, owner }) => {
      await restarted(owner, "worker", () =>
        project.compose(
          "exec",
          "-T",
          "worker",
          "sh",
          "-c",
          "kill -STOP $(cat /proc/1/task/1/children)",
        ),
      );
    },
  },
  ...services.map((service): ComposePromise => ({
    title: `kill -9 of ${service} with a step under way: it is back by itself, the step ends, nothing is lost or doubled`,
    keep: async ({ project, owner }) => {
      await owner.upload();
      const step = await owner.startStep(slowMs);
      await restarted(owner, service, () => project.kill(service));
      await owner.finishStep(step);
    },
  })),
  {
    title: "a worker cut off from every network for a minute: its step ends all the same",
    keep: async ({ project, owner }) => {
      const step = await owner.startStep(slowestMs);
      await project.cutOff("worker");
      await Bun.sleep(cutMs);
      await owner.wait("a connected worker", () => project.connectAgain("worker").then(() => true));
      await owner.finishStep(step);
    },
  },
  {
    title: "an upgrade to another image with a step under way: the step ends on the new one",
    keep: async ({ project, owner }) => {
      const before = await project.inspect("worker", "{{.Image}}");
      await project.build("two");
      const step = await owner.startStep(slowestMs);
      await project.useVersion("two");
      await project.compose("down");
      await project.up();
      for (const service of ["api", "worker"] as const) {
        if ((await project.inspect(service, "{{.Image}}")) === before) {
          throw new Error(`${service} still runs the old image`);
        }
      }
      await owner.finishStep(step);
    },
  },
  {
    title:
      "a backup with a step under way, everything deleted and restored: every byte and link is back, the step ends",
    keep: async ({ project, owner }) => {
      const { id } = await owner.upload();
      const link = await owner.api.call<{ url: string }>("POST", "/share", { photo_id: id });
      const step = await owner.startStep(slowestMs);
      await project.gallery("worker", "backup");
      await project.gallery("worker", "restore", "--check");
      await project.loseEverything();
      await project.galleryAlone("restore");
      await project.up();
      const page = `${project.baseUrl}${new URL(link.url).pathname}`;
      expectEqual("the link", (await fetch(page)).status, 200);
      await owner.finishStep(step);
      const verdict = await project.gallery("worker", "verify");
      if (!verdict.includes(" 0 lost or damaged")) throw new Error(verdict);
    },
  },
  {
    title: "a restore into a gallery in use is refused, and changes nothing",
    keep: async ({ project }) => {
      const isRefused = await project.galleryAlone("restore").then(
        () => false,
        () => true,
      );
      if (!isRefused) throw new Error("it was accepted");
    },
  },
];

/** The parts that `./gallery doctor` in the container of the API reports to be at fault. */
async function examine(project: Project): Promise<string[]> {
  // It exits with 1 at a fault; the error then contains what it printed.
  const report = await project.gallery("api", "doctor").catch((error: Error) => error.message);
  if (!report.includes("database")) throw new Error(report);
  return [...report.matchAll(/^fault +(\S+)/gm)].map(([, part = ""]) => part);
}

/** Does something that ends a service, and waits until it runs again. */
async function restarted(owner: Owner, service: Service, end: () => Promise<unknown>) {
  const before = await owner.startedAt(service);
  await end();
  await owner.wait(`a ${service} that was started again`, async () =>
    (await owner.startedAt(service)) === before ? undefined : true,
  );
}

/** The promise that needs a command for this machine's engine. */
export function engineKilled(command: string): ComposePromise {
  return {
    title:
      "the engine and all containers killed with a step under way: everything is back by itself, the step ends",
    keep: async ({ owner }) => {
      const step = await owner.startStep(slowestMs);
      const child = Bun.spawn(["sh", "-c", command], { stdio: ["ignore", "ignore", "inherit"] });
      if ((await child.exited) !== 0) throw new Error("the command of --kill-engine failed");
      await owner.waitUntilWell();
      await owner.finishStep(step);
    },
  };
}

function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (Bun.deepEquals(actual, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
}
