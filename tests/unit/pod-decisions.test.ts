import { describe, expect, test } from "bun:test";
import type { Offer } from "#activities/adapters/pods/provider";
import { dearestRate, listCandidates, nextCandidate } from "#activities/pods/candidates";
import { endOfGonePod, latestEnd, reasonToEnd } from "#activities/pods/limits";
import { newPodName, podNamePrefix } from "#activities/pods/names";
import { decideStart, type StartFacts } from "#activities/pods/start-decision";
import { costOf, costSince, divideCost, sessionCost } from "#db/pod-costs";
import { defaultSettings } from "#db/settings";
import { loadConfig } from "#config";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const now = new Date("2026-11-30T12:00:00Z");
const ago = (ms: number) => new Date(now.getTime() - ms);
const settings = {
  ...defaultSettings(loadConfig({ DATABASE_URL: "postgres://gallery@127.0.0.1/gallery" })),
  "backend.mode": "remote" as const,
};

const offer = (gpuType: string, stock: Offer["stock"], hourlyMicros: number | null): Offer => ({
  gpuType,
  name: gpuType,
  memoryGb: 24,
  hourlyMicros,
  stock,
  dataCenters: [{ id: "EU-RO-1", stock }],
});

describe("candidates", () => {
  const offers = [
    offer("NVIDIA RTX A4000", "none", 200_000),
    offer("NVIDIA RTX A5000", "low", 300_000),
    offer("NVIDIA L4", "low", 400_000),
    offer("NVIDIA A40", "high", null),
  ];
  const types = ["NVIDIA RTX A4000", "NVIDIA A5000", "NVIDIA L4", "NVIDIA A40"];

  test("best stock first, then the owner's order; sold out ones last; those that are not sold never", () => {
    const candidates = listCandidates({ gpuTypes: types, dataCenters: [] }, offers);
    expect(candidates.map(({ gpuType }) => gpuType)).toEqual([
      "NVIDIA RTX A5000",
      "NVIDIA L4",
      "NVIDIA RTX A4000",
    ]);
    expect(dearestRate(candidates)).toBe(400_000);
  });

  test("each GPU type is tried in each data centre, and what was refused is not tried again", () => {
    const wanted = { gpuTypes: ["NVIDIA L4"], dataCenters: ["US-TX-3", "EU-RO-1"] };
    const candidates = listCandidates(wanted, offers);
    expect(candidates.map(({ dataCenter }) => dataCenter)).toEqual(["EU-RO-1", "US-TX-3"]);
    const refused = { gpuType: "NVIDIA L4", dataCenter: "EU-RO-1", detail: "sold out" };
    expect(nextCandidate(candidates, [refused])?.dataCenter).toBe("US-TX-3");
    const both = [refused, { ...refused, dataCenter: "US-TX-3" }];
    expect(nextCandidate(candidates, both)).toBeUndefined();
  });
});

describe("start", () => {
  const facts: StartFacts = {
    canRent: true,
    newestRequest: now,
    last: undefined,
    failures: 0,
    monthMicros: 0,
    monthLimitUsd: 25,
    firstPauseMs: 30_000,
    now,
  };
  const last = {
    id: "one",
    status: "ended" as const,
    endedAt: ago(minuteMs),
    idleSince: null,
    endReason: "lost" as const,
    startAgain: false,
    replaces: null,
    refusals: [],
    gpuType: "NVIDIA L4",
    dataCenter: null,
    phaseMessage: "No GPU could be rented.",
  };

  test("a request starts a pod, no request does not", () => {
    expect(decideStart(facts)).toMatchObject({ start: true });
    expect(decideStart({ ...facts, newestRequest: null })).toMatchObject({ reason: null });
  });

  test("without a key, or with the month's budget used, the reason is stated", () => {
    const keyless = decideStart({ ...facts, canRent: false });
    expect(keyless).toMatchObject({
      start: false,
      reason: expect.stringContaining("RUNPOD_API_KEY"),
    });
    const spent = decideStart({ ...facts, monthMicros: 25_000_000 });
    expect(spent).toMatchObject({ start: false, reason: expect.stringContaining("$25.00") });
  });

  test("a lost pod is replaced at once; after an end at a limit only a later request rents another", () => {
    expect(decideStart({ ...facts, newestRequest: ago(hourMs), last })).toMatchObject({
      start: true,
    });
    const limited = { ...last, endReason: "session_budget" as const };
    const before = decideStart({ ...facts, newestRequest: ago(hourMs), last: limited });
    expect(before).toMatchObject({ start: false });
    expect(decideStart({ ...facts, last: limited })).toMatchObject({ start: true });
  });

  test("a pause follows each failure, twice as long each time, at most a quarter of an hour", () => {
    const pauses = [1, 2, 3, 9].map((failures) => {
      const failed = { ...last, status: "failed" as const, endReason: "refused" as const };
      const decision = decideStart({ ...facts, failures, last: { ...failed, endedAt: now } });
      return decision.start ? 0 : decision.againAt!.getTime() - now.getTime();
    });
    expect(pauses).toEqual([30_000, 60_000, 120_000, 900_000]);
  });
});

describe("limits", () => {
  const spending = { sessionMicros: 0, monthMicros: 0 };
  const running = { stopRequestedAt: null, madeAt: ago(hourMs), idleSince: null };
  const reason = (session: object, more: object = {}, spent: object = {}) =>
    reasonToEnd(
      { ...running, ...session },
      { limits: { ...settings, ...more }, spending: { ...spending, ...spent }, now },
    );

  test("each limit ends a pod when it is reached, not before", () => {
    expect(reason({})).toBeNull();
    expect(reason({ idleSince: ago(30 * minuteMs - 1) })).toBeNull();
    expect(reason({ idleSince: ago(30 * minuteMs) })).toBe("idle");
    expect(reason({ madeAt: ago(8 * hourMs) })).toBe("max_hours");
    expect(reason({ stopRequestedAt: now })).toBe("stopped");
    expect(reason({}, { "backend.mode": "local" })).toBe("mode_local");
    expect(reason({}, {}, { sessionMicros: 5_000_000 })).toBe("session_budget");
    expect(reason({}, {}, { monthMicros: 25_000_000 })).toBe("month_budget");
    expect(reason({}, { "backend.max_month_cost_usd": null }, { monthMicros: 9e9 })).toBeNull();
  });

  test("a pod's own end is the nearest of its limits, the rest of the month's budget included", () => {
    const end = (more: object) =>
      latestEnd({
        limits: settings,
        hourlyMicros: 1_000_000,
        monthMicros: 0,
        graceMs: 0,
        now,
        ...more,
      }).getTime() - now.getTime();
    expect(end({})).toBe(5 * hourMs);
    expect(end({ monthMicros: 24_000_000 })).toBe(hourMs);
    expect(end({ hourlyMicros: 100_000 })).toBe(8 * hourMs);
  });

  test("a pod that is found gone is paid until its guard ended it at the latest", () => {
    const seen = { seenAt: ago(5 * hourMs), madeAt: null };
    const facts = { patienceMs: 40 * minuteMs, now };
    expect(endOfGonePod(seen, facts)).toEqual(ago(5 * hourMs - 41 * minuteMs));
    expect(endOfGonePod({ ...seen, seenAt: ago(minuteMs) }, facts)).toEqual(now);
  });
});

describe("costs", () => {
  test("are whole micro-dollars, also of long sessions at high rates", () => {
    expect(costOf(300_000, 1)).toBe(0);
    expect(costOf(300_000, 12_000)).toBe(1_000);
    expect(costOf(80_000_000, 168 * hourMs)).toBe(80_000_000 * 168);
    expect(costOf(300_000, -5)).toBe(0);
  });

  test("shares add up to the whole", () => {
    expect(divideCost(10, 3)).toEqual([4, 3, 3]);
    expect(divideCost(2, 4)).toEqual([1, 1, 0, 0]);
  });

  test("of a session over the beginning of a month its part counts", () => {
    const session = {
      hourlyMicros: 600_000,
      madeAt: ago(2 * hourMs),
      endedAt: now,
      costMicros: null,
    };
    expect(sessionCost(session, now)).toBe(1_200_000);
    expect(costSince(session, ago(hourMs), now)).toBe(600_000);
    expect(costSince(session, ago(3 * hourMs), now)).toBe(1_200_000);
  });
});

test("a pod's name has at most 60 characters and begins like its installation", () => {
  const installation = "0123abcd-4567-89ab-cdef-0123456789ab";
  const name = newPodName(installation, crypto.randomUUID());
  expect(name.length).toBeLessThanOrEqual(60);
  expect(name).toStartWith(podNamePrefix(installation));
  expect(podNamePrefix(installation)).toBe("gallery-0123abcd4567-");
});
