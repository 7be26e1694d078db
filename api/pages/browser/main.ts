import { listTiles } from "./album";
import { turnByKeys } from "./turn-by-keys";
import { createViewer } from "./viewer";

/**
 * What a page gains where scripts run: an album opens its photos over itself, a photo's page turns by arrow keys.
 * Without it every photo has a page of its own.
 */
const tiles = listTiles(document);
if (tiles.length > 0) createViewer(tiles);
else turnByKeys();
