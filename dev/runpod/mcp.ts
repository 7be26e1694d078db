/** What a tool of an MCP server answered: its text, parsed if it is JSON. */
export type ToolResult = { isError: boolean; text: string; value: unknown };

type Reply = {
  id?: number;
  error?: { message: string };
  result?: { isError?: boolean; content?: { text?: string }[] };
};

const replyMs = 30_000;

/** Starts an MCP server that speaks JSON lines on its standard streams. */
export async function startMcpServer(command: string[], env: Record<string, string>, cwd: string) {
  const child = Bun.spawn(command, { cwd, env, stdin: "pipe", stdout: "pipe", stderr: "ignore" });
  const waiting = new Map<number, (reply: Reply) => void>();
  let lastId = 0;

  async function readReplies(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter(Boolean)) {
        const reply = JSON.parse(line) as Reply;
        waiting.get(reply.id ?? -1)?.(reply);
      }
    }
  }
  void readReplies();

  function write(message: Record<string, unknown>): void {
    void child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    void child.stdin.flush();
  }

  function request(method: string, params: unknown): Promise<Reply> {
    lastId += 1;
    const id = lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => reject(new Error(`${method}: no reply`)), replyMs);
    waiting.set(id, resolve);
    write({ id, method, params });
    return promise.finally(() => clearTimeout(timer));
  }

  await request("initialize", {
    protocolVersion: "2025-03-26",
    capabilities: {},
    clientInfo: { name: "photo-gallery", version: "1" },
  });
  write({ method: "notifications/initialized" });

  return {
    async call(name: string, args: Record<string, unknown> = {}): Promise<ToolResult> {
      const { result, error } = await request("tools/call", { name, arguments: args });
      const text = error?.message ?? result?.content?.map((part) => part.text ?? "").join("") ?? "";
      const isError = error !== undefined || result?.isError === true;
      return { isError, text, value: parse(text) };
    },
    async stop(): Promise<void> {
      child.kill();
      await child.exited;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
