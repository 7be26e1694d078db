/** The version of this program. */
export async function galleryVersion(): Promise<string> {
  const description = Bun.file(new URL("../../package.json", import.meta.url));
  return ((await description.json()) as { version: string }).version;
}
