import postgres from "postgres";
import { eventChannel } from "./queries/events";

const againMs = 1_000;

/**
 * Listens for commits with events over a connection of its own, which is opened again whenever it is lost.
 * `onWake` is called at each announcement and after each reconnect, when some may have been missed.
 */
export function openEventChannel(url: string, onWake: () => void): { close(): Promise<void> } {
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
    onnotify: onWake,
    onclose: listenAgainSoon,
    connection: { application_name: "gallery-events" },
  };
  const sql = postgres(url, options);

  async function listen(): Promise<void> {
    try {
      await sql`listen ${sql(eventChannel)}`;
      onWake();
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
