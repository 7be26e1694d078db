/** The head of an HTTP/1.1 request, as far as the proxy needs it. */
export type ProxyHead = {
  podId: string;
  port: number;
  isUpgrade: boolean;
  /** The bytes for the service in the container. */
  forwarded: Buffer;
};

const byPath = /^\/proxy\/([a-z0-9]+)-(\d+)(?=[/?]|$)/;
const byHost = /^([a-z0-9]+)-(\d+)\./;

/**
 * Reads a request's head, which names pod and port by its path, `/proxy/{pod}-{port}/…`, or by its host,
 * `{pod}-{port}.…`; undefined when it names none.
 */
export function readProxyHead(head: string): ProxyHead | undefined {
  const [requestLine = "", ...headers] = head.split("\r\n");
  const [method, target = "/", version] = requestLine.split(" ");
  const valueOf = (name: string) =>
    headers
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const inPath = byPath.exec(target);
  const [prefix = "", podId, port] = inPath ?? byHost.exec(valueOf("host") ?? "") ?? [];
  if (podId === undefined || port === undefined) return undefined;
  const rest = inPath ? target.slice(prefix.length) : target;
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  const isUpgrade = valueOf("upgrade") !== undefined;
  // One request per connection, so that every request gets a line of its own here.
  const kept = isUpgrade
    ? headers
    : [...headers.filter((line) => !/^connection:/i.test(line)), "Connection: close"];
  const lines = [`${method} ${path} ${version}`, ...kept.filter(Boolean), "", ""];
  return {
    podId,
    port: Number(port),
    isUpgrade,
    forwarded: Buffer.from(lines.join("\r\n"), "latin1"),
  };
}
