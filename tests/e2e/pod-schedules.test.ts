import { podPromise, podSchedules } from "#tests/schedules/pods/runner";
import { usualPodSeeds } from "#tests/schedules/pods/seeds";
import { testSchedules } from "#tests/schedules/suite";

testSchedules(
  { promise: podPromise, title: "steps on rented pods under the faults of seed %d" },
  podSchedules,
  usualPodSeeds,
  { lanes: 1 },
);
