import { getTableColumns, type SQL, sql } from "drizzle-orm";
import { placeInForce } from "../backends/in-force";
import { models } from "../../schema/models";

/**
 * Whether a place has the model of the query's row in `models`, as of its last sync.
 * @param place default: the one in force
 */
export function isAvailableAt(place: SQL | string = placeInForce): SQL<boolean> {
  // `models.key` is spelled out: Drizzle omits the table's name in a query of one table.
  return sql<boolean>`exists (
    select from model_places as there join backends as its on its.model_list = there.place
    where there.key = models.key and its.ref = ${place})`;
}

/** The columns of a `Model`. */
export function modelColumns(place?: SQL | string) {
  return { ...getTableColumns(models), isAvailable: isAvailableAt(place) };
}
