export { buildGraph, defaultsOf, isSupported, supportedBases } from "./registry";
export type { Graph } from "./graph";
export type { GraphRequest } from "./request";
