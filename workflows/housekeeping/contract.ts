import { runStart } from "../run-start";

const tasks = {
  reconcile: { type: "reconcile", summary: "Start runs that rows ask for and that are missing" },
  "refresh-models": { type: "refreshModels", summary: "Read the models from InvokeAI" },
  "reap-pods": { type: "reapPods", summary: "End rented pods that belong to no session" },
  "read-offers": { type: "readOffers", summary: "Read which GPUs can be rented" },
  "sweep-files": { type: "sweepFiles", summary: "Set aside files without a row" },
  "expire-records": { type: "expireRecords", summary: "Delete expired keys and events" },
  "purge-trash": {
    type: "purgeTrash",
    summary: "Delete photos past their time in the trash",
  },
  "back-up": { type: "backUp", summary: "Copy database and originals to the folder of backups" },
  "verify-originals": {
    type: "verifyOriginals",
    summary: "Compare a share of the originals with their hashes",
  },
} as const;

export type HousekeepingTask = keyof typeof tasks;

export const housekeepingTasks = Object.keys(tasks) as HousekeepingTask[];

/** The id of a schedule, and of a run started by hand; Temporal appends the time to the ids of scheduled runs. */
export const housekeepingId = (task: HousekeepingTask): string => `housekeeping/${task}`;

export const housekeepingRun = (task: HousekeepingTask) =>
  runStart({
    type: tasks[task].type,
    workflowId: housekeepingId(task),
    args: [],
    summary: tasks[task].summary,
    status: "pending",
  });

/**
 * `away`: why the place in force does not run; its models stay as they were last read. `isPartial`: its models were read, but
 * not its workflows or what it offers to install.
 */
export type RefreshModelsResult = { modelsCount: number; isPartial?: true } | { away: string };
