import { listTiles } from "./album";
import { turnByKeys } from "./turn-by-keys";
import { createViewer } from "./viewer";

/**
 * Enhances the pages where scripts run: an album opens its photos in a viewer, a photo's page is turned with arrow keys.
 * Without scripts every photo has its own page.
 */
const tiles = listTiles(document);
if (tiles.length > 0) createViewer(tiles);
else turnByKeys();
