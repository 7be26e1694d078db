import { connect } from "node:net";
import { queryPostgres } from "./postgres-database";
import { Refusal } from "./refusal";

const oldestPostgres = 14;

/** @throws Refusal unless DATABASE_URL leads to a Postgres that is new enough */
export async function checkDatabase(url: string): Promise<void> {
  const version = await queryPostgres(url, async (sql) => {
    const [row] = await sql<{ version: string }[]>`
      select current_setting('server_version_num') as version`;
    return Number(row?.version);
  }).catch((error: { code?: string }) => {
    throw new Refusal(
      `The Postgres of DATABASE_URL cannot be used (${error.code ?? "no answer"}). Start it or correct the URL; without DATABASE_URL one is started for you.`,
    );
  });
  const major = Math.floor(version / 10_000);
  if (major >= oldestPostgres) return;
  throw new Refusal(
    `DATABASE_URL leads to Postgres ${major}; ${oldestPostgres} or newer is needed.`,
  );
}

/** @throws Refusal unless something listens at `host:port` of TEMPORAL_ADDRESS */
export async function checkTemporal(address: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const isOpen = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
    socket.setTimeout(5_000, () => end(false));
  });
  if (isOpen) return;
  throw new Refusal(
    `Nothing answers at TEMPORAL_ADDRESS (${address}). Start it or correct the address; without TEMPORAL_ADDRESS a server is started for you.`,
  );
}
