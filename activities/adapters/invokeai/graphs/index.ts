export { buildGraph, defaultsOf, isSupported, supportedBases } from "./registry";
export { parseRecordedGraph, type RecordedGraph, replayGraph } from "./recorded";
export { referencePicture } from "./references";
export { buildRepaintGraph } from "./repaint";
export { buildUpscaleGraph } from "./upscale";
export { placePictures } from "./placement";
export { placeRecipe, recipeNames } from "./recipe-placement";
export { type Graph, identify, promptNodes } from "./graph";
export type { GraphReference, GraphRequest, PaintedPart } from "./request";
