export { buildGraph, defaultsOf, isSupported, supportedBases } from "./registry";
export { parseRecordedGraph, replayGraph } from "./recorded";
export { placePictures } from "./placement";
export type { Graph } from "./graph";
export type { GraphRequest } from "./request";
