import { cursorAfter } from "#api/modules/photos/list";
import { listQueryToFilter } from "#api/modules/photos/list-query";
import { countAlbumPhotos, listAlbumPhotos } from "#db/queries/albums/album-photos";
import { listTimeline } from "#db/queries/photos/timeline";
import type { Statement } from "../baseline-select";
import type { LoadResult } from "../latencies";
import { albumId, frequentWord, rareWord, seedLibrary, tag } from "../library-seed";
import { median } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import { statementsOf, statementsOfPage } from "../statements";
import type { Row } from "../table";

const amount = 1_000_000;
const depth = 900_000;
const limit = 50;
const firstPage = { after: null, limit: limit + 1, offset: 0 };
const rounds = 3;
const seconds = 3;
const baselineAim = { atMost: 2 };
/** Of a page that nothing is counted for: 0.8 of the pace of its SQL. */
const pageAim = { atMost: 1.25 };

type Case = { what: string; path: string; chains: Statement[][] };
type Figures = { p50: number; p99: number; baselineP50: number };

/** Lists of a million photos, one request after another, against the same SQL through the driver alone. */
export async function measureLibraryLists(stack: BenchStack): Promise<Row[]> {
  await seedLibrary(stack.database, amount);
  const cases = await listCases(stack, depth);
  const figures = {} as Record<keyof typeof cases, Figures>;
  const rows: Row[] = [];
  for (const [name, its] of Object.entries(cases) as [keyof typeof cases, Case][]) {
    figures[name] = await measureCase(stack, its);
    const isPageAlone = name === "uncounted" || name === "deep";
    rows.push(...rowsOf(its.what, figures[name], isPageAlone ? pageAim : baselineAim));
    if (name === "uncounted") {
      const { p50 } = figures[name];
      rows.push({ what: `${its.what}, p50`, ours: p50, unit: "ms", aim: { atMost: 3 } });
    }
    if (name === "deep") rows.push(againstFirstPage(its.what, figures.deep.p50, figures.first.p50));
    if (name === "rare" || name === "frequent") {
      rows.push({
        what: `${its.what}, p50`,
        ours: figures[name].p50,
        unit: "ms",
        aim: { atMost: 20 },
      });
    }
  }
  return rows;
}

/** The main lists; `atDepth`: where the deep page begins. */
export async function listCases(stack: BenchStack, atDepth: number) {
  const deep = await deepPage(stack, atDepth);
  const photos = (what: string, query: Parameters<typeof listQueryToFilter>[0]) =>
    pageOfPhotos(stack, what, query);
  return {
    first: await photos("first page", {}),
    uncounted: await pageUncounted(stack),
    deep,
    album: await pageOfAlbum(stack),
    tagged: await photos("tag and favourite", { tag, favorite: true }),
    rare: await photos("q, a rare word", { q: rareWord }),
    frequent: await photos("q, a frequent word", { q: frequentWord }),
    timeline: {
      what: "timeline",
      path: "/photos/timeline",
      chains: [await statementsOf(stack, (db) => listTimeline(db, "UTC"), true)],
    },
  };
}

/** Alternates between the API and the driver alone. */
export async function measureCase(stack: BenchStack, { path, chains }: Case): Promise<Figures> {
  const seen = { p50: [] as number[], p99: [] as number[], baselineP50: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const load = { url: stack.url, paths: [`/api/v1${path}`], connections: 1, seconds };
    const ours = await runScript<LoadResult>("load-get", load);
    const work = { url: stack.databaseUrl, chains, connections: 1, seconds };
    const plain = await runScript<LoadResult>("baseline-select", work);
    seen.p50.push(ours.p50Ms);
    seen.p99.push(ours.p99Ms);
    seen.baselineP50.push(plain.p50Ms);
  }
  return { p50: median(seen.p50), p99: median(seen.p99), baselineP50: median(seen.baselineP50) };
}

function rowsOf(what: string, { p50, p99, baselineP50 }: Figures, aim: { atMost: number }): Row[] {
  const baseline = { what: "its SQL through postgres.js", value: baselineP50 };
  return [
    { what: `${what}, p50`, ours: p50, unit: "ms", baseline, aim },
    { what: `${what}, p99`, ours: p99, unit: "ms" },
  ];
}

function againstFirstPage(what: string, p50: number, first: number): Row {
  const baseline = { what: "first page", value: first };
  return { what: `${what}, p50`, ours: p50, unit: "ms", baseline, aim: { atMost: 1.2 } };
}

async function pageOfPhotos(
  stack: BenchStack,
  what: string,
  query: Parameters<typeof listQueryToFilter>[0],
): Promise<Case> {
  const asked = new URLSearchParams({ limit: `${limit}` });
  for (const [name, value] of Object.entries(query)) asked.set(name, `${value}`);
  const page = { filter: listQueryToFilter(query), sort: "newest" as const, ...firstPage };
  return { what, path: `/photos?${asked}`, chains: await statementsOfPage(stack, page) };
}

async function pageUncounted(stack: BenchStack): Promise<Case> {
  const { path, chains } = await pageOfPhotos(stack, "", {});
  const what = "first page with total=false";
  return { what, path: `${path}&total=false`, chains: chains.slice(0, 1) };
}

async function deepPage(stack: BenchStack, atDepth: number): Promise<Case> {
  const { sql } = stack.database;
  const [row] = await sql<{ id: string; at: string; shown: string }[]>`
    select id, created_at::text as at, shown_at::text as shown from photos where deleted_at is null
    order by created_at desc, id desc offset ${atDepth - 1} limit 1`;
  const createdAt = new Date(row!.at);
  const [filter, sort] = [listQueryToFilter({}), "newest" as const];
  const place = { id: row!.id, createdAt, shownAt: row!.shown, rating: null };
  const cursor = cursorAfter(filter, sort, place);
  const after = { ...place, createdAt: createdAt.toISOString(), rating: -1 };
  return {
    what: `page at depth ${atDepth} by cursor`,
    path: `/photos?limit=${limit}&cursor=${cursor}`,
    chains: await statementsOfPage(stack, { filter, sort, ...firstPage, after }),
  };
}

async function pageOfAlbum(stack: BenchStack): Promise<Case> {
  const inAlbum = { albumId, retrievedOnly: false };
  const page = { ...inAlbum, ...firstPage };
  return {
    what: "page of an album of 20000",
    path: `/albums/${albumId}/photos?limit=${limit}`,
    chains: [
      await statementsOf(stack, (db) => listAlbumPhotos(db, page), true),
      await statementsOf(stack, (db) => countAlbumPhotos(db, { ...inAlbum, bound: 10_001 }), true),
    ],
  };
}
