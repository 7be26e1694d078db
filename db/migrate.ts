import { environmentOf, loadConfig } from "#config";
import { openDatabase } from "./client";
import { ensureInstallation } from "./queries/installation/installation";
import { applyMigrations } from "./migrations";

const config = loadConfig(environmentOf("migrate", process.env));
const database = openDatabase(config.secrets.databaseUrl, {
  maxConnections: 2,
  applicationName: "gallery-migrate",
});
await applyMigrations(database);
await ensureInstallation(database.db);
await database.close();
