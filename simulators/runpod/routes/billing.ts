import { json } from "../../invokeai/answers.ts";
import { bucketsOf, readWindow, type Window } from "../buckets.ts";
import type { Meter, Sums } from "../meter.ts";
import type { Handlers } from "../router.ts";
import type { World } from "../world.ts";

type Billed = { id: string; meter: Meter };

type Entry = { startTime: string; endTime: string; id: string; sums: Sums };

/** Usage appears only once it is older than the lag. */
export function createBillingHandlers(
  world: World,
): Pick<Handlers, "podBilling" | "volumeBilling"> {
  const { pods, volumes, clock, billingLagMs } = world;

  function entriesOf(billed: readonly Billed[], window: Window): Entry[] {
    const visibleUntil = clock.now() - billingLagMs;
    const entries: Entry[] = [];
    for (const [start, end] of bucketsOf(window)) {
      const until = Math.min(end, visibleUntil);
      if (until <= start) break;
      for (const { id, meter } of billed) {
        const sums = meter.sum(start, until);
        if (sums.totalUsd === 0) continue;
        entries.push({ startTime: iso(start), endTime: iso(end), id, sums });
      }
    }
    return entries;
  }

  return {
    podBilling({ url: { searchParams: query } }) {
      const window = readWindow(query, clock.now());
      const podId = query.get("podId");
      const billed = pods.all().filter(({ id }) => podId === null || id === podId);
      const entries = entriesOf(billed, window);
      const amounts = ({ gpuUsd, diskUsd, totalUsd }: Omit<Sums, "seconds">) => ({
        totalAmount: totalUsd,
        gpuAmount: gpuUsd,
        cpuAmount: 0,
        diskAmount: diskUsd,
      });
      return json({
        records: entries.map(({ id, sums, ...times }) => ({
          ...times,
          ...amounts(sums),
          podId: id,
        })),
        metadata: {
          query: { ...describe(window), podId },
          recordCount: entries.length,
          uniquePodCount: countIds(entries),
          totals: amounts(total(entries)),
        },
      });
    },

    volumeBilling({ url: { searchParams: query } }) {
      const window = readWindow(query, clock.now());
      const networkVolumeId = query.get("networkVolumeId");
      const billed = volumes
        .all()
        .filter(({ id }) => networkVolumeId === null || id === networkVolumeId);
      const entries = entriesOf(billed, window);
      const amounts = ({ totalUsd }: Pick<Sums, "totalUsd">) => ({
        totalAmount: totalUsd,
        standardAmount: totalUsd,
        highPerformanceAmount: 0,
      });
      return json({
        records: entries.map(({ id, sums, ...times }) => ({
          ...times,
          ...amounts(sums),
          networkVolumeId: id,
        })),
        metadata: {
          query: { ...describe(window), networkVolumeId },
          recordCount: entries.length,
          uniqueNetworkVolumeCount: countIds(entries),
          totals: amounts(total(entries)),
        },
      });
    },
  };
}

const iso = (at: number) => new Date(at).toISOString();

const describe = ({ startTime, endTime, bucketSize }: Window) => ({
  startTime: iso(startTime),
  endTime: iso(endTime),
  bucketSize,
});

const countIds = (entries: readonly Entry[]) => new Set(entries.map(({ id }) => id)).size;

function total(entries: readonly Entry[]): Sums {
  const sum = (field: keyof Sums) => entries.reduce((all, { sums }) => all + sums[field], 0);
  return {
    seconds: sum("seconds"),
    gpuUsd: sum("gpuUsd"),
    diskUsd: sum("diskUsd"),
    totalUsd: sum("totalUsd"),
  };
}
