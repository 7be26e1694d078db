import type { Storage } from "./storage";

/**
 * Makes sure that the data folder is the one of this installation: with another's files every photo would look
 * lost, and every file like rubbish. An empty folder of an empty library becomes ours.
 * @throws Error that says what to do
 */
export async function claimLibrary(
  storage: Storage,
  installationId: string,
  hasPhotos: () => Promise<boolean>,
): Promise<void> {
  const marker = await storage.readMarker();
  if (marker === installationId) return;
  if (marker !== undefined) {
    throw new Error(
      "The data folder belongs to another database. Set DATA_DIR or DATABASE_URL to the ones that belong together.",
    );
  }
  if (await hasPhotos()) {
    throw new Error(
      "The database knows photos but the data folder is empty. Is the volume mounted, and DATA_DIR right?",
    );
  }
  await storage.writeMarker(installationId);
}
