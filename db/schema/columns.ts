import { timestamp } from "drizzle-orm/pg-core";

/** A moment, kept to the millisecond: a cursor must survive the trip through the driver. */
export const moment = (name: string) =>
  timestamp(name, { precision: 3, withTimezone: true, mode: "date" });
