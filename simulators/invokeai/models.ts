import type { Database } from "bun:sqlite";
import { type ModelRecord, record } from "./model-records.ts";
import { standardModels } from "./standard-models.ts";

export type ModelCatalogue = ReturnType<typeof createModelCatalogue>;

/**
 * The installed models: a fixed set whose keys and hashes stay the same, or those in the database, which is empty for a
 * new server.
 */
export function createModelCatalogue(database?: Database, hasNewBases = true) {
  let models = database === undefined ? standardModels(hasNewBases) : readModels(database);
  const removed: ModelRecord[] = [];
  const withoutFiles = new Set<ModelRecord>();

  function keep(): void {
    if (database === undefined) return;
    database.transaction(() => {
      database.run("delete from models");
      const insert = database.query("insert into models (key, record) values (?, ?)");
      for (const model of models) insert.run(model.key, JSON.stringify(model));
    })();
  }

  function add(model: ModelRecord): ModelRecord {
    models = [...models, model];
    keep();
    return model;
  }

  return {
    list: (): ModelRecord[] => models,
    find: (key: string): ModelRecord | undefined => models.find((model) => model.key === key),
    add,
    /** Registered models whose files are gone. */
    missing: (): ModelRecord[] => models.filter((model) => withoutFiles.has(model)),
    loseFiles(key: string): void {
      const model = models.find((candidate) => candidate.key === key);
      if (model) withoutFiles.add(model);
    },
    /** Adds a LoRA, like an install. */
    install: (model: { name: string; base: string }): ModelRecord =>
      add(
        record(model.name, "lora", model.base, "lycoris", 37_861_176, {
          trigger_phrases: null,
          default_settings: null,
        }),
      ),
    remove(key: string): void {
      removed.push(...models.filter((model) => model.key === key));
      models = models.filter((model) => model.key !== key);
      keep();
    },
    /** Reinstalls the same weights under another key, even after a removal; undefined when there is no such model. */
    rekey(key: string): string | undefined {
      const model = [...models, ...removed].find((candidate) => candidate.key === key);
      if (model === undefined) return undefined;
      model.key = crypto.randomUUID();
      if (!models.includes(model)) models = [...models, model];
      keep();
      return model.key;
    },
  };
}

function readModels(database: Database): ModelRecord[] {
  return database
    .query<{ record: string }, []>("select record from models order by position")
    .all()
    .map((row) => JSON.parse(row.record) as ModelRecord);
}
