const peers = new WeakMap<Request, string>();

/** Remembers from which address a request came, as its connection has it. */
export function rememberPeer(request: Request, address: string | undefined): void {
  if (address !== undefined) peers.set(request, address);
}

/**
 * Whom a request is counted for: an IPv4 address, or the /64 of an IPv6 one, which is what a single sender is given.
 * Undefined for a request that came over no connection.
 */
export function peerOf(request: Request): string | undefined {
  const address = peers.get(request);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address ?? "")?.[1];
  if (address === undefined || !address.includes(":")) return address;
  return mapped ?? networkOf(address);
}

/** The first four groups of an IPv6 address in full. */
function networkOf(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("%", 1)[0]!.split("::");
  const groups = head === "" ? [] : head.split(":");
  const last = tail ? tail.split(":") : [];
  const zeros = Array<string>(Math.max(0, 8 - groups.length - last.length)).fill("0");
  const all = tail === undefined ? groups : [...groups, ...zeros, ...last];
  return all.slice(0, 4).join(":");
}
