import { afterAll, describe, test } from "bun:test";
import { listServers, noteUntested, type TestedServer } from "./servers.ts";
import { openTarget, type Target } from "./target.ts";

type Body = () => void | Promise<void>;

/** Registers a test if the server has all the required capabilities; else notes it for the summary. */
type Promised = (title: string, needs: readonly string[], body: Body) => void;

const servers = await listServers();

type Questions = (target: Target, promised: Promised, server: TestedServer) => void;

/** Runs the same tests against every server, and afterwards removes all that they created. */
export const examine = (questions: Questions): Promise<void> => examineOn(servers, questions);

/** The same for what a server draws: that depends on its version and models, not on accounts. */
export function examineDrawing(questions: Questions): Promise<void> {
  const oneOfEach = new Map(servers.map((server) => [server.api, server]));
  return examineOn([...oneOfEach.values()], questions);
}

async function examineOn(examined: readonly TestedServer[], questions: Questions): Promise<void> {
  for (const server of examined) {
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
