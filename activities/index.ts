import { createBackendActivities } from "./backend/backend";
import { createBackupActivities } from "./housekeeping/backups";
import { createBatchActivities } from "./generation/batch";
import type { ActivityDeps } from "./deps";
import { createHousekeepingActivities } from "./housekeeping/housekeeping";
import { createImportActivities } from "./imports/imports";
import { createReaperActivities } from "./pods/reaper";
import { createInstallActivities } from "./models/installs";
import { createOfferActivities } from "./pods/offers";
import { createPodActivities } from "./pods/tend";
import { createWatchActivities } from "./imports/watch";
import { createMirrorActivities } from "./mirror/follow";
import { createPurgeActivities } from "./housekeeping/purge";
import { createJudgementActivities } from "./reproduction/judgements";
import { createReproductionActivities } from "./reproduction/reproductions";
import { createRetrievalActivities } from "./retrieval/retrievals";
import { createSessionActivities } from "./generation/sessions";
import { createStepActivities } from "./generation/steps";
import { createStorageMoveActivities } from "./storage/storage-move";
import { createTurnActivities } from "./backend/turns";

/** Workflows import only this type. */
export type Activities = ReturnType<typeof createActivities>;

/** All activities. They throw our own errors, which the worker's interceptor `mapFailures` maps to failures. */
export function createActivities(deps: ActivityDeps) {
  return {
    ...createSessionActivities(deps),
    ...createStepActivities(deps),
    ...createTurnActivities(deps),
    ...createBatchActivities(deps),
    ...createRetrievalActivities(deps),
    ...createReproductionActivities(deps),
    ...createJudgementActivities(deps),
    ...createBackendActivities(deps),
    ...createBackupActivities(deps),
    ...createHousekeepingActivities(deps),
    ...createImportActivities(deps),
    ...createWatchActivities(deps),
    ...createMirrorActivities(deps),
    ...createPurgeActivities(deps),
    ...createInstallActivities(deps),
    ...createOfferActivities(deps),
    ...createPodActivities(deps),
    ...createReaperActivities(deps),
    ...createStorageMoveActivities(deps),
  };
}
