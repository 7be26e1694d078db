import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ReturnType<typeof ipaddr.process>;

/** Whom a request comes from and how it was asked for, as far as that can be believed. */
export type Client = {
  /** Undefined for a request that came over no connection. */
  address: Address | undefined;
  isHttps: boolean;
  /** Lower case, with its port; what the client asked for, before any proxy of ours changed it. */
  host: string;
  /** Whether the connection is the client's own: no proxy says otherwise. */
  isDirect: boolean;
};

const peers = new WeakMap<Request, Address>();
const clients = new WeakMap<Request, Client>();

/** Requests come in rows from one address; reading it costs more than the rest of what is noted of a request. */
let lastRead: { text: string; address: Address | undefined } = { text: "", address: undefined };

/** Remembers from which address a request came, as its connection has it. */
export function rememberPeer(request: Request, address: string | undefined): void {
  const text = address ?? "";
  if (text !== lastRead.text) lastRead = { text, address: parseAddress(text) };
  if (lastRead.address) peers.set(request, lastRead.address);
}

/**
 * Looks through the proxies in front of this server, for `clientOf` and `peerOf`. `X-Forwarded-*` count when
 * the connection comes from an address of `trusted`, and no further than such addresses go: what stands to the left
 * of the first stranger in `X-Forwarded-For` is what he wrote himself.
 */
export function createClientReader(trusted: readonly string[]): (request: Request) => Client {
  const ranges = trusted.map(parseRange);
  const isTrusted = (address: Address | undefined) =>
    ranges.some(([range, bits]) => address?.kind() === range.kind() && address.match(range, bits));

  return (request) => {
    const peer = peers.get(request);
    const direct = { address: peer, isHttps: isHttps(request), host: hostOf(request) };
    const header = (name: string) => lastOf(request.headers.get(`x-forwarded-${name}`));
    const client: Client = isTrusted(peer)
      ? {
          address: firstStranger(peer, request.headers.get("x-forwarded-for"), isTrusted),
          isHttps: (header("proto") ?? (direct.isHttps ? "https" : "http")) === "https",
          host: header("host") ?? direct.host,
          isDirect: false,
        }
      : { ...direct, isDirect: !forwardedBy.some((name) => request.headers.has(name)) };
    clients.set(request, client);
    return client;
  };
}

const forwardedBy = ["forwarded", "x-forwarded-for", "via"];

/** What was read of a request's sender when it came in. */
export function clientOf(request: Request): Client {
  return (
    clients.get(request) ?? {
      address: peers.get(request),
      isHttps: isHttps(request),
      host: hostOf(request),
      isDirect: true,
    }
  );
}

/** Whether a request comes from this machine, and no proxy handed it on. */
export function isLocal(request: Request): boolean {
  const { address, isDirect } = clientOf(request);
  return isDirect && address?.range() === "loopback";
}

/** A request made from another stands for the same sender. */
export function keepClient(from: Request, to: Request): void {
  clients.set(to, clientOf(from));
}

/**
 * Whom a request is counted for: an IPv4 address, or the /64 of an IPv6 one, which is what a single sender is given.
 * Undefined for a request that came over no connection.
 */
export function peerOf(request: Request): string | undefined {
  const { address } = clientOf(request);
  if (!(address instanceof ipaddr.IPv6)) return address?.toString();
  return address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":");
}

/** The name that the connection was asked for. HTTP/1.0 may leave it out; then the address has none either. */
export function hostOf(request: Request): string {
  const named = request.headers.get("host") ?? URL.parse(request.url)?.host ?? "";
  return named.toLowerCase();
}

function isHttps(request: Request): boolean {
  return request.url.startsWith("https:");
}

/** Proxies write the address of whom they serve at the right end, so that is where the reading begins. */
function firstStranger(
  peer: Address | undefined,
  chain: string | null,
  isTrusted: (address: Address) => boolean,
): Address | undefined {
  let address = peer;
  for (const entry of (chain ?? "").split(",").toReversed()) {
    const before = parseAddress(entry);
    // Not readable: the last proxy that is known answers for what it let in.
    if (!before) return address;
    address = before;
    if (!isTrusted(before)) return before;
  }
  return address;
}

/** An address as proxies write it, also `1.2.3.4:5678` and `[2001:db8::1]:5678`; IPv4 in IPv6 is the IPv4 address. */
function parseAddress(text: string): Address | undefined {
  const trimmed = text.trim();
  const [, inBrackets] = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(trimmed) ?? [];
  const bare = inBrackets ?? trimmed.replace(/^([\d.]+):\d{1,5}$/, "$1");
  return isIP(bare) === 0 ? undefined : ipaddr.process(bare);
}

/** An address or range, checked when the config was read. */
function parseRange(text: string): [Address, number] {
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}

/** The entry that the proxy next to us wrote. */
function lastOf(list: string | null): string | undefined {
  return list?.split(",").at(-1)?.trim().toLowerCase() || undefined;
}
