import { afterAll, describe, test } from "bun:test";
import { listServers, noteUntested, type TestedServer } from "./servers.ts";
import { openTarget, type Target } from "./target.ts";

type Body = () => void | Promise<void>;

/** Registers a test if the server has all the required capabilities; else notes it for the summary. */
export type Promised = (title: string, needs: readonly string[], body: Body) => void;

const servers = await listServers();

/** Runs the same tests against every server, and afterwards removes all that they created. */
export async function examine(
  questions: (target: Target, promised: Promised, server: TestedServer) => void,
): Promise<void> {
  for (const server of servers) {
    const target = await openTarget(server);
    describe(server.name, () => {
      afterAll(() => target.close());
      questions(
        target,
        (title, needs, body) => {
          const missing = needs.filter((need) => !server.capabilities.has(need));
          if (missing.length === 0) test(title, body);
          else noteUntested(server, title, missing);
        },
        server,
      );
    });
  }
}
