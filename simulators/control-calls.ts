/** Between two checks of a state that does not come at once. */
const longestPauseMs = 60;

/** What tests do with any running simulator; `baseUrl` is that of the routes it imitates. */
export function createControlCalls<
  Fault,
  State extends { faults: readonly { id: number; struck: number }[] },
>(baseUrl: string, paths: { state: string; faults: string }) {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      // Faults and restarts cut idle connections, so none is reused.
      keepalive: false,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  const state = () => call<State>("GET", paths.state);

  /** Switches a fault on; returns its id in `state().faults`. */
  const addFault = async (fault: Fault): Promise<number> =>
    (await call<{ id: number }>("POST", paths.faults, fault)).id;

  /** How often a fault was triggered. */
  const struck = async (faultId: number): Promise<number> =>
    (await state()).faults.find(({ id }) => id === faultId)?.struck ?? 0;

  /** Waits until the state satisfies `condition`; throws with the last state after `timeoutMs`. */
  async function until(condition: (state: State) => boolean, timeoutMs = 30_000): Promise<State> {
    const deadline = Date.now() + timeoutMs;
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
      const seen = await state();
      if (condition(seen)) return seen;
      if (Date.now() > deadline) {
        throw new Error(`The simulator did not reach the expected state: ${JSON.stringify(seen)}`);
      }
      await Bun.sleep(pauseMs);
    }
  }

  return { call, state, addFault, struck, until };
}
