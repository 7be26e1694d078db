import { createRequire } from "node:module";
import type { cache, concurrency, Sharp, SharpInput, SharpOptions } from "sharp";

type Open = (input?: SharpInput | SharpOptions, options?: SharpOptions) => Sharp;
type Library = Open & { cache: typeof cache; concurrency: typeof concurrency };

const require = createRequire(import.meta.url);
let loaded: Library | undefined;

/** sharp, loaded for the first picture: a process that rests has some 10 MB less. */
export const sharp: Open = (input, options) => (loaded ??= load())(input, options);

function load(): Library {
  const library = require("sharp") as Library;
  // These settings of libvips apply to the whole process. Its cache would keep pixels of files that are rarely read
  // twice. One thread for each picture and several pictures at once give the best throughput.
  library.cache(false);
  library.concurrency(1);
  return library;
}
