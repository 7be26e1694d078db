import sharp from "sharp";

// These settings of libvips apply to the whole process. Its cache would keep pixels of files that are rarely read
// twice. One thread for each picture and several pictures at once give the best throughput.
sharp.cache(false);
sharp.concurrency(1);

export { sharp };
