/** A message as a browser's EventSource would hand it out; comments come as `comment`. */
export type StreamMessage = { id: string | undefined; event: string; data: string };

/** Reads `text/event-stream` from a server, message by message. */
export async function openEventStream(url: string, headers: Record<string, string> = {}) {
  const gone = new AbortController();
  const response = await fetch(url, { headers, signal: gone.signal });
  const seen: StreamMessage[] = [];
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  let rest = "";

  async function read(): Promise<StreamMessage[]> {
    const { done, value } = await reader.read();
    if (done) throw new Error("the stream has ended");
    rest += decoder.decode(value, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop()!;
    const messages = blocks.map(parseBlock);
    seen.push(...messages);
    return messages;
  }

  return {
    response,
    /** All that came so far. */
    seen,
    /** Reads on until a message is the wanted one. */
    async until(isWanted: (message: StreamMessage) => boolean): Promise<StreamMessage> {
      for (;;) {
        const found = (await read()).find(isWanted);
        if (found) return found;
      }
    },
    close: () => gone.abort(),
  };
}

function parseBlock(block: string): StreamMessage {
  const field = (name: string) =>
    block
      .split("\n")
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim())
      .join("\n");
  const isComment = block.startsWith(":");
  return {
    id: field("id") || undefined,
    event: isComment ? "comment" : field("event") || "message",
    data: isComment ? block : field("data"),
  };
}
