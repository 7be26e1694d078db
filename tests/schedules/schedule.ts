import { createDraw, type Draw } from "./draw";

/** All kinds of faults, in the order of the summary. */
export const faultKinds = [
  "worker killed",
  "InvokeAI restarted",
  "answer lost",
  "enqueue late",
  "download cut",
  "Postgres away",
  "Temporal away",
  "Temporal lost",
  "step cancelled",
] as const;

type FaultKind = (typeof faultKinds)[number];

/** When a fault strikes: defined by the step's visible state, so that it means the same on a slow machine. */
export type Moment =
  | { at: "requested"; afterMs: number } // the api has answered 202
  | { at: "source" } // InvokeAI has the source picture, its answer is not sent yet
  | { at: "posting" } // the batch is sent, InvokeAI has not processed it
  | { at: "taken" } // InvokeAI has the batch, its answer is not sent yet
  | { at: "drawing"; item: number; step: number } // before that step of that image
  | { at: "saved"; item: number } // the image is saved, its item does not list it yet
  | { at: "fetching" } // half an image is downloaded
  | { at: "placed" }; // an image's file is in place, its row is not written

export type PlannedFault = { step: number } & (
  | { kind: "worker killed"; moment: Moment; awayMs: number }
  | { kind: "InvokeAI restarted"; moment: Moment; refuses: number }
  | { kind: "Postgres away"; moment: Moment; awayMs: number }
  | { kind: "Temporal away"; moment: Moment; awayMs: number }
  | { kind: "Temporal lost"; moment: Moment; awayMs: number; withWorker: boolean }
  | { kind: "step cancelled"; moment: Moment; losesAnswer: boolean } // InvokeAI's, to our cancel
  | { kind: "answer lost"; route: LostAnswer }
  | { kind: "enqueue late"; afterMs: number }
  | { kind: "download cut"; how: DownloadFault; skip: number; times: number }
);

type LostAnswer = "enqueueBatch" | "batchStatus" | "listAll" | "uploadImage";

type DownloadFault = "truncated_body" | "wrong_length" | "truncated_png" | "unreachable";

/** How a step is requested: by parameters alone, or with one of the other things that a step can have. */
export const stepKinds = ["plain", "mask", "references", "recipe", "grid"] as const;

type StepKind = (typeof stepKinds)[number];

export type PlannedStep = {
  kind: StepKind;
  source: "none" | "upload" | "previous";
  images: number;
  /** The seed of its first image. */
  seed: number;
};

/** Steps are requested one by one, each once all images of the previous one have arrived, or all at once. */
export type Schedule = {
  seed: number;
  pace: "one by one" | "all at once";
  steps: PlannedStep[];
  faults: PlannedFault[];
};

const stepsPerSession = 3;
/** Denoising steps of each image. */
export const denoisingSteps = 4;

/** The schedule of a seed. It alone determines what a run does, and when. */
export function drawSchedule(seed: number): Schedule {
  const draw = createDraw(seed);
  const pace = draw.chance(0.3) ? "all at once" : "one by one";
  const steps = Array.from({ length: stepsPerSession }, (_, position): PlannedStep => {
    const hasPrevious = pace === "one by one" && position > 0;
    return {
      kind: "plain",
      source: draw.oneOf(hasPrevious ? allSources : firstSources),
      images: 2 + draw.below(3),
      seed: 1_000 * (position + 1),
    };
  });
  const faults = Array.from({ length: 1 + draw.below(4) }, () => drawFault(draw, steps));
  return { seed, pace, steps, faults };
}

/** The schedule of a seed with the same faults, whose steps are of several kinds. */
export function drawMixedSchedule(seed: number): Schedule {
  const schedule = drawSchedule(seed);
  // Draws of its own: the faults of a seed stay as they are.
  const draw = createDraw(~seed);
  const steps = schedule.steps.map((step) => ({
    ...step,
    kind: draw.oneOf(step.source === "none" ? kindsWithoutSource : kindsWithSource),
  }));
  return { ...schedule, steps };
}

const kindsWithoutSource: readonly StepKind[] = ["references", "recipe", "grid"];
const kindsWithSource: readonly StepKind[] = ["mask", "references", "grid"];

const firstSources: readonly PlannedStep["source"][] = ["none", "upload"];
const allSources: readonly PlannedStep["source"][] = [...firstSources, "previous"];

/** The most frequent kinds of faults are listed twice. */
const drawnKinds: readonly FaultKind[] = [...faultKinds, "worker killed"];
// This one causes in-doubt batches more often than the others.
const lostAnswers: readonly LostAnswer[] = [
  "enqueueBatch",
  "enqueueBatch",
  "batchStatus",
  "listAll",
];
const lostAnswersWithSource: readonly LostAnswer[] = [...lostAnswers, "uploadImage"];

function drawFault(draw: Draw, steps: PlannedStep[]): PlannedFault {
  const step = draw.below(steps.length);
  const planned = steps[step]!;
  const kind = draw.oneOf(drawnKinds);
  switch (kind) {
    case "worker killed":
      return { step, kind, moment: drawMoment(draw, planned), awayMs: draw.ms(0, 1_500) };
    case "InvokeAI restarted":
      return { step, kind, moment: drawMoment(draw, planned), refuses: draw.below(6) };
    case "Postgres away":
      return { step, kind, moment: drawMoment(draw, planned), awayMs: draw.ms(200, 4_000) };
    case "Temporal away":
      return { step, kind, moment: drawMoment(draw, planned), awayMs: draw.ms(200, 5_000) };
    case "Temporal lost":
      return {
        step,
        kind,
        moment: drawMoment(draw, planned),
        awayMs: draw.ms(200, 2_000),
        withWorker: draw.chance(0.5),
      };
    case "step cancelled":
      return { step, kind, moment: drawMoment(draw, planned), losesAnswer: draw.chance(0.3) };
    case "answer lost": {
      const routes = planned.source === "none" ? lostAnswers : lostAnswersWithSource;
      return { step, kind, route: draw.oneOf(routes) };
    }
    case "enqueue late":
      return { step, kind, afterMs: draw.ms(3_500, 4_500) };
    case "download cut": {
      const how = draw.oneOf<DownloadFault>([
        "truncated_body",
        "wrong_length",
        "truncated_png",
        "unreachable",
      ]);
      return { step, kind, how, skip: draw.below(planned.images), times: 1 + draw.below(3) };
    }
  }
}

function drawMoment(draw: Draw, planned: PlannedStep): Moment {
  const item = draw.below(planned.images);
  const moments: Moment[] = [
    { at: "requested", afterMs: draw.ms(0, 1_500) },
    { at: "posting" },
    { at: "taken" },
    { at: "drawing", item, step: draw.below(denoisingSteps) },
    { at: "saved", item },
    { at: "fetching" },
    { at: "placed" },
  ];
  if (planned.source !== "none") moments.push({ at: "source" });
  return draw.oneOf(moments);
}

/** Describes a fault; equal plans have equal descriptions. */
export function describeFault(fault: PlannedFault): string {
  const { kind, step, ...more } = fault;
  const moment = "moment" in more ? ` ${describeMoment(more.moment)}` : "";
  const rest = Object.entries(more)
    .filter(([name]) => name !== "moment")
    .map(([name, value]) => `${name} ${value}`);
  return `${kind} in step ${step + 1}${moment}${rest.length > 0 ? ` (${rest.join(", ")})` : ""}`;
}

function describeMoment(moment: Moment): string {
  switch (moment.at) {
    case "requested":
      return `${moment.afterMs} ms after its request`;
    case "source":
      return "once the source is uploaded";
    case "posting":
      return "with the enqueue under way";
    case "taken":
      return "with the batch accepted and no answer yet";
    case "drawing":
      return `drawing image ${moment.item + 1}, before step ${moment.step}`;
    case "saved":
      return `with image ${moment.item + 1} saved but not in its item`;
    case "fetching":
      return "with half an image fetched";
    case "placed":
      return "between an image's rename and its row";
  }
}
