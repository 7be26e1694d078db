import { createDraw, type Draw } from "../schedules/draw";

export const faultKinds = [
  "worker killed",
  "api killed",
  "backup killed",
  "worker paused",
  "api paused",
  "Postgres refuses",
  "Postgres silent",
  "Temporal killed",
  "Temporal lost",
  "disk full",
  "InvokeAI restarted",
  "answer lost",
  "download cut",
] as const;

export type ChaosFault = {
  kind: (typeof faultKinds)[number];
  /** Since the previous fault. */
  afterMs: number;
  /** How long it lasts, where it does. */
  forMs: number;
  /** Of "answer lost". */
  route: "enqueueBatch" | "listAll" | "uploadImage" | "batchStatus";
};

/** The faults of a seed, without an end. */
export function* drawFaults(seed: number): Generator<ChaosFault> {
  const draw = createDraw(seed);
  for (;;) yield drawFault(draw);
}

function drawFault(draw: Draw): ChaosFault {
  return {
    kind: draw.oneOf(weighted),
    afterMs: draw.ms(1_000, 5_000),
    forMs: draw.ms(300, 6_000),
    route: draw.oneOf(["enqueueBatch", "enqueueBatch", "listAll", "uploadImage", "batchStatus"]),
  };
}

/** Losing Temporal's database stops everything for seconds; kills and lost answers find most. */
const weighted: readonly ChaosFault["kind"][] = [
  ...faultKinds.filter((kind) => kind !== "Temporal lost"),
  ...faultKinds,
  "worker killed",
  "api killed",
  "answer lost",
];
