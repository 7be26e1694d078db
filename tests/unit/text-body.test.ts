import { afterAll, expect, test } from "bun:test";
import { textBody } from "#api/http/responses/text-body";

const texts: Record<string, string> = {
  "/short": "é".repeat(100),
  "/long": "é".repeat(20_000),
  "/ascii": "a".repeat(15_001),
};
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    // Answered in a later event, as after a query.
    await new Promise((resolve) => setImmediate(resolve));
    return new Response(textBody(texts[new URL(request.url).pathname] ?? ""));
  },
});
afterAll(() => server.stop(true));

/** The answer as it is sent: `fetch` does not show how its length is announced. */
async function receive(path: string): Promise<string> {
  let answer = "";
  const end = Promise.withResolvers<void>();
  await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port!,
    socket: {
      open: (socket) =>
        void socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
      data: (_, chunk) => void (answer += chunk.toString("latin1")),
      close: () => end.resolve(),
    },
  });
  await end.promise;
  return answer;
}

test.each(Object.keys(texts))(
  "a text of each length is sent with its Content-Length: %s",
  async (path) => {
    const text = Buffer.from(texts[path]!).toString("latin1");
    const answer = await receive(path);
    const [head = ""] = answer.split("\r\n\r\n", 1);
    expect(head.toLowerCase()).toContain(`\r\ncontent-length: ${text.length}`);
    expect(head.toLowerCase()).not.toContain("transfer-encoding");
    expect(answer.slice(head.length + 4)).toBe(text);
  },
);

test("a response with a long text can be read in this process", async () => {
  const response = new Response(textBody(texts["/long"]!));
  expect(await response.text()).toBe(texts["/long"]!);
});
