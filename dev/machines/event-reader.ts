/** Follows an event stream as a browser does: after a lost connection from the last id on. */
export function followEvents(url: string, headers: Record<string, string>) {
  const ids: number[] = [];
  let connections = 0;
  let resets = 0;
  const stopping = new AbortController();

  async function readOnce(): Promise<void> {
    const last = ids.at(-1);
    const silence = new AbortController();
    const response = await fetch(`${url}/api/v1/events`, {
      headers: { ...headers, ...(last !== undefined && { "last-event-id": `${last}` }) },
      signal: AbortSignal.any([stopping.signal, silence.signal]),
    });
    if (!response.ok || !response.body) throw new Error(`${response.status}`);
    connections += 1;
    const decoder = new TextDecoder();
    let rest = "";
    // The server sends something every 15 s; a connection whose other end has vanished is silent.
    const watchdog = setInterval(() => silence.abort(), 40_000);
    try {
      for await (const bytes of response.body) {
        watchdog.refresh();
        const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          if (/^event: reset$/m.test(block)) resets += 1;
          const id = /^id: (\d+)$/m.exec(block)?.[1];
          // A snapshot has the id of the newest event.
          if (id !== undefined && !/^event: (snapshot|reset)$/m.test(block)) ids.push(Number(id));
          else if (id !== undefined && ids.length === 0) ids.push(Number(id));
        }
      }
    } finally {
      clearInterval(watchdog);
    }
  }

  const reading = (async () => {
    while (!stopping.signal.aborted) {
      await readOnce().catch(() => {});
      await Bun.sleep(300);
    }
  })();

  return {
    url,
    /** The first one is that of the snapshot. */
    ids,
    counts: () => ({ connections, resets }),
    async stop(): Promise<void> {
      stopping.abort();
      await reading;
    },
  };
}
