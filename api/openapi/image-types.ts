/** The types of originals; `image/*` in a route's `detail` is replaced with all of them. */
export const imageTypes = [
  "image/avif",
  "image/gif",
  "image/heic",
  "image/heif",
  "image/jpeg",
  "image/png",
  "image/webp",
];
