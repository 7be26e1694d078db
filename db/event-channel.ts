import postgres from "postgres";
import { eventChannel } from "./queries/events/events";
import { progressChannel } from "./queries/steps/progress";

const againMs = 1_000;

/**
 * Listens for commits with events and for progress changes on a dedicated connection, and reconnects when it is lost.
 * Each callback is called at its notifications; `onEvents` also after a reconnect, as notifications may have been missed.
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
    // Saves a query for array types on each new connection: no arrays are read here.
    fetch_types: false,
    // The driver would close the connection after some time.
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
      // The database is unavailable; until it is back, readers poll.
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
