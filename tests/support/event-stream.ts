import { expect } from "bun:test";

/** A message as a browser's EventSource delivers it; comments have the event `comment`. */
export type StreamMessage = { id: string | undefined; event: string; data: string };

/** Reads `text/event-stream` from a server, message by message. */
export async function openEventStream(url: string, headers: Record<string, string> = {}) {
  const closing = new AbortController();
  const response = await fetch(url, { headers, signal: closing.signal });
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
    /** All messages received so far. */
    seen,
    /** Reads until a message matches. */
    async until(isWanted: (message: StreamMessage) => boolean): Promise<StreamMessage> {
      for (;;) {
        const found = (await read()).find(isWanted);
        if (found) return found;
      }
    },
    close: () => closing.abort(),
  };
}

/** Expects a stream without events for `seconds` to stay open, and then to deliver an event. */
export async function expectSilentStreamToLive(url: string, seconds: number): Promise<void> {
  const api = `${url}/api/v1`;
  const post = (path: string, body: object) =>
    fetch(`${api}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const session = (await (
    await post("/generation/sessions", { entry_type: "scratch" })
  ).json()) as { id: string };
  const stream = await openEventStream(`${api}/generation/sessions/${session.id}/events`);
  const openedAt = performance.now();
  while (performance.now() - openedAt < seconds * 1_000) {
    await stream.until((message) => message.event === "comment");
  }
  await fetch(`${api}/generation/sessions/${session.id}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ status: "completed" }),
  });
  await stream.until((message) => message.event === "session.completed");
  expect(new Set(stream.seen.map((message) => message.event))).toEqual(
    new Set(["message", "snapshot", "comment", "session.completed"]),
  );
  stream.close();
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
