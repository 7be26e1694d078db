export { generationSession } from "./generation-session/workflow";
export { generationStep } from "./generation-step/workflow";
export {
  expireRecords,
  purgeTrash,
  reconcile,
  refreshModels,
  sweepFiles,
} from "./housekeeping/workflow";
export { invokeaiBackend } from "./invokeai-backend/workflow";
export { photoImport } from "./photo-import/workflow";
export { photoReproduction } from "./photo-reproduction/workflow";
export { photoRetrieval } from "./photo-retrieval/workflow";
