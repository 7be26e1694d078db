import { usualSeeds } from "#tests/schedules/seeds";
import { sessionPromise, sessionSchedules } from "#tests/schedules/sessions";
import { testSchedules } from "#tests/schedules/suite";

testSchedules(
  { promise: sessionPromise, title: "a session under the faults of seed %d" },
  sessionSchedules,
  usualSeeds,
  { lanes: 1 },
);
