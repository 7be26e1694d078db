import postgres from "postgres";
import { eventChannel } from "./queries/events";
import { progressChannel } from "./queries/progress";

const againMs = 1_000;

/**
 * Listens for commits with events, and for changes of progress, over a connection of its own, which is opened again
 * whenever it is lost. Each is called at its announcements, `onEvents` also after a reconnect, when some may have been
 * missed.
 */
export function openEventChannel(
  url: string,
  { onEvents, onProgress }: { onEvents: () => void; onProgress: () => void },
): { close(): Promise<void> } {
  let isClosed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const options = {
    max: 1,
    connect_timeout: 3,
    // The driver asks for them unasked, and a connection lost meanwhile would end the process.
    fetch_types: false,
    // The one connection has to stay, however quiet it is.
    max_lifetime: null,
    onnotice: () => {},
    onnotify: (channel: string) => (channel === progressChannel ? onProgress() : onEvents()),
    onclose: listenAgainSoon,
    connection: { application_name: "gallery-events" },
  };
  const sql = postgres(url, options);

  async function listen(): Promise<void> {
    try {
      await sql`listen ${sql(eventChannel)}`;
      await sql`listen ${sql(progressChannel)}`;
      onEvents();
    } catch {
      // The database is away; readers look by themselves until it is back.
      listenAgainSoon();
    }
  }

  function listenAgainSoon(): void {
    if (isClosed || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      void listen();
    }, againMs);
  }

  void listen();
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await sql.end({ timeout: 1 });
    },
  };
}
