export { buildGraph, defaultsOf, isSupported, supportedBases } from "./registry";
export { parseRecordedGraph, replayGraph } from "./recorded";
export { buildRepaintGraph } from "./repaint";
export { buildUpscaleGraph } from "./upscale";
export { placePictures } from "./placement";
export { placeRecipe, recipeNames } from "./recipe-placement";
export { type Graph, identify, promptNodes } from "./graph";
export type { GraphRequest, PaintedPart } from "./request";
