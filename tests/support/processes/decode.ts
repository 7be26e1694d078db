import { readFileSync, writeFileSync } from "node:fs";
import { deriveImages } from "#media/pictures/derive";
import { inspectImage } from "#media/pictures/inspect";
import { sniffFile } from "#media/pictures/sniff";

// Decodes one picture and prints the peak growth of the process in bytes (proc(5): VmRSS, VmHWM).
const [path = ""] = process.argv.slice(2);

const read = (name: "VmRSS" | "VmHWM") => {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
};

const mimeType = await sniffFile(path);
if (!mimeType) throw new Error("no picture");
const image = await inspectImage(path, mimeType);
Bun.gc(true);
const before = read("VmRSS");
writeFileSync("/proc/self/clear_refs", "5");
const limits = {
  budget: { spend: <T>(_bytes: number, work: () => Promise<T>) => work() },
  timeoutSeconds: 60,
};
await deriveImages(path, image, limits);
console.log(read("VmHWM") - before);
