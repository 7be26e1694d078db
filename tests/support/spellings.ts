/** Encodings of `../` that some client, proxy or server has accepted. */
const ups = [
  "../",
  "..\\",
  "..%2f",
  "..%2F",
  "..%5c",
  "..%5C",
  ".%2e/",
  "%2e./",
  "%2e%2e/",
  "%2E%2E/",
  "%2e%2e\\",
  "%2e%2e%2f",
  "%2e%2e%5c",
  "./../",
  ".\\..\\",
  "..//",
  "/../",
  "..\\/",
  "..;/",
  "..;x=y/",
  "..%3b/",
  "..%00/",
  "..%09/",
  "..%20/",
  "..?/../",
  "..#/../",
  "#/../",
  "%252e%252e/",
  "%252e%252e%252f",
  "..%255c",
  "..%c0%af",
  "%c0%ae%c0%ae/",
  "..%ef%bc%8f",
  "%uff0e%uff0e/",
];

/**
 * Request targets that a careless parser resolves from below `/s/` to `path`, such as `api/v1/photos`, and unusual
 * spellings of `path` itself.
 */
export function spellingsOf(path: string, key: string): string[] {
  const backslashed = path.replaceAll("/", "\\");
  return [
    ...ups.map((up) => `/s/${up}${path}`),
    ...ups.map((up) => `/s/${key}/${up}${up}${path}`),
    ...ups.map((up) => `/s/${key}/photos/${up}${up}${up}${path}`),
    `/s\\..\\${backslashed}`,
    `/s/..\\${backslashed}`,
    `/s/${key}/..\\..\\${backslashed}`,
    `/s/%2e%2e%2f${path.replaceAll("/", "%2f")}`,
    `/${path}`,
    `//${path}`,
    `/./${path}`,
    `/\\${path}`,
    `/${path}/../../../s/${key}/`,
    `/${path}?/s/${key}/`,
    `/${path}#/s/${key}/`,
    `/${path};/s/${key}/`,
    `/${path}\\..\\..\\..\\..\\s\\${key}`,
    `http://photos.example.org/${path}`,
    `http://photos.example.org/s/..\\${path}`,
    `http://photos.example.org/s/../${path}`,
  ];
}
