/** A pod's name: prefix, twelve characters of the installation, and a part of its own. At most 60 characters are safe. */
export const podNamePrefix = (installationId: string): string =>
  `gallery-${installationId.replaceAll("-", "").slice(0, 12)}-`;

/** A name that no other create has or had. */
export function newPodName(installationId: string, attemptId: string): string {
  return `${podNamePrefix(installationId)}${attemptId.replaceAll("-", "").slice(0, 20)}`;
}
