import { usualSeeds } from "#tests/schedules/seeds";
import { testSchedules } from "#tests/schedules/suite";

testSchedules("a session under the faults of seed %d", usualSeeds, { lanes: 1 });
