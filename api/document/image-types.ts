/** What an original can be; `image/*` in the document stands for all of them. */
export const imageTypes = [
  "image/avif",
  "image/gif",
  "image/heic",
  "image/heif",
  "image/jpeg",
  "image/png",
  "image/webp",
];
