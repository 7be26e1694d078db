export { buildGraph, defaultsOf, isSupported, supportedBases } from "./registry";
export { parseRecordedGraph, replayGraph } from "./recorded";
export type { Graph } from "./graph";
export type { GraphRequest } from "./request";
