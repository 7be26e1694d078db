import sharp from "sharp";

// libvips' own settings hold for the whole process. Its cache would keep pixels of files that are
// seldom read twice; one thread a picture and several pictures at once give the most per second.
sharp.cache(false);
sharp.concurrency(1);

export { sharp };
