export { generationSession } from "./generation-session/workflow";
export { generationStep } from "./generation-step/workflow";
export {
  backUp,
  expireRecords,
  purgeTrash,
  readOffers,
  reapPods,
  reconcile,
  refreshModels,
  sweepFiles,
  verifyOriginals,
} from "./housekeeping/workflow";
export { invokeaiBackend } from "./invokeai-backend/workflow";
export { invokeaiMirror } from "./invokeai-mirror/workflow";
export { modelInstall } from "./model-install/workflow";
export { photoImport } from "./photo-import/workflow";
export { photoReproduction } from "./photo-reproduction/workflow";
export { photoRetrieval } from "./photo-retrieval/workflow";
export { storageMove } from "./storage-move/workflow";
