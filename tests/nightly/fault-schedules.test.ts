import { mixedSchedules, sessionPromise, sessionSchedules } from "#tests/schedules/sessions";
import { testSchedules } from "#tests/schedules/suite";

testSchedules(
  { promise: sessionPromise, title: "a session under the faults of seed %d" },
  sessionSchedules,
  [11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
  { lanes: 2 },
);

testSchedules(
  { promise: sessionPromise, title: "steps of several kinds under the faults of seed %d" },
  mixedSchedules,
  [4, 5, 6, 7],
  { lanes: 2 },
);

// The worker is killed during generation: its activity is retried only after the heartbeat time-out of 20 s.
testSchedules(
  {
    promise: sessionPromise,
    title: "a session whose worker is killed, with the default waits (seed %d)",
  },
  sessionSchedules,
  [10],
  { lanes: 1, waits: "shipped" },
);
