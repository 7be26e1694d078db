import { Refusal } from "#stack/refusal";

/** A machine: a network namespace with one cable to the switch. */
export type Host = {
  name: string;
  address: string;
  /** Precedes a command that runs on this machine. */
  prefix: readonly string[];
  /** Pulls the cable: packets vanish, nobody is told. */
  cut: () => void;
  /** Limits both directions to `kbits` per second. */
  slow: (kbits: number) => void;
  /** Cable in, full speed. */
  heal: () => void;
};

/** A switch, itself a namespace. Everything in it ends with the processes that hold the namespaces. */
export type Network = {
  /** The address of this program. */
  ownAddress: string;
  addHost: (name: string) => Host;
};

/**
 * @param hold starts a process in a new network namespace and returns its id; the namespace lives as long as it
 * @throws Refusal where namespaces cannot be made
 */
export function createNetwork(hold: (name: string) => number): Network {
  for (const tool of ["ip", "tc", "nsenter", "unshare", "nginx"]) {
    if (Bun.which(tool) === null) {
      throw new Refusal(`The test of several machines needs ${tool}, and root.`);
    }
  }
  // One of 200 networks, so that two runs rarely meet.
  const net = `10.213.${process.pid % 200}`;
  const cable = `gm${process.pid % 100_000}`;
  const center = hold("switch");
  const inCenter = inside(center);
  run([...inCenter, "ip", "link", "set", "lo", "up"]);
  run([...inCenter, "ip", "link", "add", "br0", "type", "bridge"]);
  run([...inCenter, "ip", "link", "set", "br0", "up"]);
  plug("own", `${process.pid}`, cable, 1);
  let last = 1;

  function plug(name: string, pid: string, device: string, number: number): void {
    const port = `p-${name}`;
    const peer = ["peer", "name", device, "netns", pid];
    run(["ip", "link", "add", port, "netns", `${center}`, "type", "veth", ...peer]);
    run([...inCenter, "ip", "link", "set", port, "master", "br0", "up"]);
    const there = name === "own" ? [] : inside(Number(pid));
    run([...there, "ip", "addr", "add", `${net}.${number}/24`, "dev", device]);
    run([...there, "ip", "link", "set", device, "up"]);
  }

  return {
    ownAddress: `${net}.1`,
    addHost(name) {
      last += 1;
      const pid = hold(name);
      const prefix = inside(pid);
      run([...prefix, "ip", "link", "set", "lo", "up"]);
      plug(name, `${pid}`, "eth0", last);
      const port = `p-${name}`;
      const limit = (there: readonly string[], device: string, kbits: number) =>
        run([
          ...there,
          "tc",
          "qdisc",
          "replace",
          "dev",
          device,
          "root",
          "tbf",
          "rate",
          `${kbits}kbit`,
          "burst",
          "16kb",
          "latency",
          "500ms",
        ]);
      const free = (there: readonly string[], device: string) =>
        // Fails when there is no limit.
        Bun.spawnSync([...there, "tc", "qdisc", "del", "dev", device, "root"], {
          stderr: "ignore",
        });
      return {
        name,
        address: `${net}.${last}`,
        prefix,
        cut: () => run([...inCenter, "ip", "link", "set", port, "down"]),
        slow: (kbits) => {
          limit(inCenter, port, kbits);
          limit(prefix, "eth0", kbits);
        },
        heal: () => {
          run([...inCenter, "ip", "link", "set", port, "up"]);
          free(inCenter, port);
          free(prefix, "eth0");
        },
      };
    },
  };
}

const inside = (pid: number) => ["nsenter", `--net=/proc/${pid}/ns/net`, "--"];

function run(command: string[]): void {
  const { success, stderr } = Bun.spawnSync(command, { stderr: "pipe" });
  if (!success) throw new Refusal(`${command.join(" ")}: ${stderr.toString().trim()}`);
}
