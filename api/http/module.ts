import { Elysia, type ElysiaConfig } from "elysia";
import type { IncomingRequest } from "./request";

// The pipeline adds `incoming` to the context of every handler and hook. A `derive` would be too late: the body is read before.
type Singleton = {
  decorator: { incoming: IncomingRequest };
  store: {};
  derive: {};
  resolve: {};
};

/** Creates an Elysia instance for a part of the api; its handlers get the `incoming` request. */
export function createModule<const Prefix extends string = "">(config: ElysiaConfig<Prefix>) {
  // `normalize` would drop unknown fields silently; they have to be refused.
  return new Elysia<Prefix, Singleton>({ normalize: false, ...config });
}
