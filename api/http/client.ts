import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ReturnType<typeof ipaddr.process>;

/** The sender of a request and its connection, as far as they can be trusted. */
export type Client = {
  /** Undefined for a request that came over no connection. */
  address: Address | undefined;
  isHttps: boolean;
  /** Lower case, with its port; as the client sent it, before any trusted proxy changed it. */
  host: string;
  /** The same as this server received it. */
  receivedHost: string;
  /** Whether a trusted proxy forwarded the request. */
  isForwarded: boolean;
};

export type ReadClient = (request: Request, connectedFrom: string | undefined) => Client;

/**
 * Identifies clients behind the proxies in front of this server. `X-Forwarded-*` are read only when the connection comes
 * from an address of `trusted`. `X-Forwarded-For` is read from the right, up to and including the first untrusted
 * address: entries to the left of it can be forged.
 */
export function createClientReader(trusted: readonly string[]): ReadClient {
  const ranges = trusted.map(parseRange);
  const isTrusted = (address: Address | undefined) =>
    ranges.some(([range, bits]) => address?.kind() === range.kind() && address.match(range, bits));
  // Consecutive requests often come from one address; parsing it costs more than the rest of this function.
  let last: { text: string; address: Address | undefined; isTrusted: boolean } | undefined;
  const peerAt = (text: string) => {
    if (last?.text === text) return last;
    const address = parseAddress(text);
    return (last = { text, address, isTrusted: isTrusted(address) });
  };

  return (request, connectedFrom = "") => {
    const peer = peerAt(connectedFrom);
    const receivedHost = hostOf(request);
    const isSecure = request.url.startsWith("https:");
    if (!peer.isTrusted) {
      const { address } = peer;
      return { address, isHttps: isSecure, host: receivedHost, receivedHost, isForwarded: false };
    }
    const header = (name: string) => lastOf(request.headers.get(`x-forwarded-${name}`));
    return {
      address: firstUntrusted(peer.address, request.headers.get("x-forwarded-for"), isTrusted),
      isHttps: (header("proto") ?? (isSecure ? "https" : "http")) === "https",
      host: header("host") ?? receivedHost,
      receivedHost,
      isForwarded: true,
    };
  };
}

const forwardedBy = ["forwarded", "x-forwarded-for", "via"];

/** Whether a request comes from this machine, not through a proxy, as far as its headers say. */
export function isLocal(request: Request, { address, isForwarded }: Client): boolean {
  if (isForwarded || forwardedBy.some((name) => request.headers.has(name))) return false;
  return address?.range() === "loopback";
}

/**
 * The sender for rate limits: an IPv4 address, or the /64 of an IPv6 address, as one subscriber usually has a whole /64.
 * Undefined for a request that came over no connection.
 */
export function senderOf({ address }: Client): string | undefined {
  if (!(address instanceof ipaddr.IPv6)) return address?.toString();
  return address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":");
}

/** The `Host` header, else the host in the URL, in lower case; empty where HTTP/1.0 sends neither. */
function hostOf(request: Request): string {
  const named = request.headers.get("host") ?? URL.parse(request.url)?.host ?? "";
  return named.toLowerCase();
}

/** Each proxy appends the address of its client at the right end, so the list is read from the right. */
function firstUntrusted(
  peer: Address | undefined,
  chain: string | null,
  isTrusted: (address: Address) => boolean,
): Address | undefined {
  let address = peer;
  for (const entry of (chain ?? "").split(",").toReversed()) {
    const before = parseAddress(entry);
    // Unreadable entry: the request is attributed to the last known proxy.
    if (!before) return address;
    address = before;
    if (!isTrusted(before)) return before;
  }
  return address;
}

/** Parses an address as proxies write it, also `1.2.3.4:5678` and `[2001:db8::1]:5678`. IPv4-mapped IPv6 becomes IPv4. */
function parseAddress(text: string): Address | undefined {
  const trimmed = text.trim();
  const [, inBrackets] = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(trimmed) ?? [];
  const withoutPort = inBrackets ?? trimmed.replace(/^([\d.]+):\d{1,5}$/, "$1");
  return isIP(withoutPort) === 0 ? undefined : ipaddr.process(withoutPort);
}

/** Parses an address or range, which was validated with the config. */
function parseRange(text: string): [Address, number] {
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}

/** The last entry: the proxy that connects to this server wrote it. */
function lastOf(list: string | null): string | undefined {
  return list?.split(",").at(-1)?.trim().toLowerCase() || undefined;
}
