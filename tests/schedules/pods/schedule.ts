import { createDraw, type Draw } from "../draw";
import type { Moment, PlannedFault, PodFaultKind } from "./faults";
import { doubtMs, minuteMs } from "./time";

type PlannedStep = {
  images: number;
  /** The seed of its first image; no other step of any schedule has it. */
  seed: number;
};

/** A few steps on rented pods, and how the last pod ends. */
export type PodSchedule = {
  seed: number;
  /** `volume`: all pods have the same database, models and images. */
  place: "volume" | "pod";
  pace: "one by one" | "all at once";
  steps: PlannedStep[];
  /** The account's list comes in pages of two, and strangers' pods are on them. */
  hasShortPages: boolean;
  /** A budget that a pod uses up within this time, at the rate of the first candidate. */
  budget: { of: "session" | "month"; lastsMs: number } | null;
  end: "idle" | "stopped" | "mode local";
  faults: PlannedFault[];
};

/** Denoising steps of each image. */
export const denoisingSteps = 4;

/** The schedule of a seed. It alone determines what a run does, and when. */
export function drawPodSchedule(seed: number): PodSchedule {
  const draw = createDraw(seed);
  const place = draw.oneOf(["volume", "volume", "pod"] as const);
  const pace = draw.oneOf(["one by one", "all at once"] as const);
  const steps = Array.from({ length: 1 + draw.below(3) }, (_, position) => ({
    images: 2 + draw.below(3),
    seed: seed * 10_000 + position * 1_000,
  }));
  const hasShortPages = draw.chance(0.6);
  const budget = draw.chance(0.25)
    ? { of: draw.oneOf(["session", "month"] as const), lastsMs: draw.ms(10_000, 14_000) }
    : null;
  const end = draw.oneOf(["idle", "stopped", "mode local"] as const);
  const images = steps.reduce((sum, step) => sum + step.images, 0);
  const faults = Array.from({ length: 1 + draw.below(5) }, () => drawFault(draw, images));
  // Then only the pod itself can end it.
  if (budget !== null && draw.chance(0.5)) faults[0] = drawLongAbsence(draw, images);
  return { seed, place, pace, steps, hasShortPages, budget, end, faults };
}

/** Those that leave most open are drawn more often. */
const drawnKinds: readonly PodFaultKind[] = [
  "worker killed",
  "worker killed",
  "worker killed",
  "Temporal away",
  "Temporal away",
  "Temporal lost",
  "Temporal lost",
  "Postgres away",
  "Postgres away",
  "create fails",
  "pod made in spite",
  "pod made in spite",
  "pod made in spite",
  "answer lost",
  "answer lost",
  "list lags",
  "list page fails",
  "strangers come",
  "pod evicted",
  "pod evicted",
  "pod stopped",
  "pod broken",
  "pod denied",
  "container crashed",
  "never boots",
  "sold out",
  "delete slow",
  "delete refused",
  "delete ignored",
  "key refused",
  "network cut",
  "proxy page",
  "rate limited",
  "pod forgotten",
];

function drawFault(draw: Draw, images: number): PlannedFault {
  const kind = draw.oneOf(drawnKinds);
  switch (kind) {
    case "worker killed":
      return { kind, moment: drawMoment(draw, images), awayMs: draw.ms(0, 2_000) };
    case "Temporal away":
      return { kind, moment: drawMoment(draw, images), awayMs: draw.ms(200, 5_000) };
    case "Temporal lost":
      return {
        kind,
        moment: drawMoment(draw, images),
        awayMs: draw.ms(200, 2_000),
        withWorker: draw.chance(0.5),
      };
    case "Postgres away":
      return { kind, moment: drawMoment(draw, images), awayMs: draw.ms(200, 4_000) };
    case "create fails":
      return { kind, how: draw.oneOf(["500", "502", "HTML", "unreachable"] as const), times: 1 };
    case "pod made in spite": {
      const isLate = draw.chance(0.3);
      const listedAfterMs = isLate ? doubtMs + draw.ms(1_000, 3_000) : draw.ms(500, 3_000);
      return { kind, listedAfterMs, strangers: 2 + draw.below(3) };
    }
    case "answer lost": {
      const routes = ["createPod", "createPod", "deletePod", "listPods", "getPod"] as const;
      return { kind, route: draw.oneOf(routes), skip: draw.below(2) };
    }
    case "list lags":
      return { kind, lagMs: draw.ms(500, 3_000) };
    case "list page fails":
      return { kind, status: draw.oneOf([429, 500, 502]), skip: draw.below(4) };
    case "strangers come":
      return { kind, moment: drawMoment(draw, images), amount: 1 + draw.below(4) };
    case "pod evicted":
    case "pod stopped":
    case "pod broken":
    case "container crashed":
      return { kind, moment: drawLife(draw, images) };
    case "pod denied":
      return { kind, moment: drawLife(draw, images), times: 1 + draw.below(2) };
    case "never boots":
      return {
        kind,
        how: draw.oneOf(["container_never_starts", "stuck_provisioning"] as const),
      };
    case "sold out":
      return { kind, what: draw.oneOf(["first type", "every type", "pool"] as const) };
    case "delete slow":
      return { kind, tookMs: draw.ms(1.5 * minuteMs, 2.5 * minuteMs) };
    case "delete refused":
      return { kind, times: 1 + draw.below(4) };
    case "delete ignored":
      return { kind, times: 1 + draw.below(2) };
    case "key refused":
      return { kind, moment: drawMoment(draw, images), forMs: draw.ms(500, 4_000) };
    case "network cut":
      return {
        kind,
        moment: drawMoment(draw, images),
        of: draw.oneOf(["api", "proxy"] as const),
        forMs: draw.ms(500, 4_000),
      };
    case "proxy page":
      return {
        kind,
        moment: drawLife(draw, images),
        body: draw.oneOf(["html", "empty", "502"] as const),
        forMs: draw.ms(500, 4_000),
      };
    case "rate limited":
      return { kind, moment: drawMoment(draw, images), times: 1 + draw.below(3) };
    case "pod forgotten":
      return { kind, moment: drawMoment(draw, images) };
  }
}

/** Beyond the end of a budget. */
const drawLongAbsence = (draw: Draw, images: number): PlannedFault => ({
  kind: "worker killed",
  moment: drawUse(draw, images),
  awayMs: draw.ms(24_000, 27_000),
});

/** While images are generated. */
const drawUse = (draw: Draw, images: number): Moment =>
  draw.chance(0.3) ? { at: "ready" } : { at: "drawn", images: 1 + draw.below(images - 1) };

/** While there is a pod. */
const drawLife = (draw: Draw, images: number): Moment =>
  draw.chance(0.3) ? { at: "booting" } : drawUse(draw, images);

function drawMoment(draw: Draw, images: number): Moment {
  const moments: Moment[] = [
    { at: "requested", afterMs: draw.ms(0, 2_000) },
    { at: "ordering" },
    { at: "ordered" },
    drawLife(draw, images),
    drawLife(draw, images),
    { at: "ending" },
    { at: "deleting" },
  ];
  return draw.oneOf(moments);
}
