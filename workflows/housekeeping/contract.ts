/** The runs that schedules start; also started by hand, and then found by these ids. */
export const housekeepingId = (task: HousekeepingTask): string => `housekeeping/${task}`;

export type HousekeepingTask =
  | "reconcile"
  | "refresh-models"
  | "sweep-files"
  | "expire-records"
  | "purge-trash";

export type RefreshModelsResult = { modelsCount: number };
