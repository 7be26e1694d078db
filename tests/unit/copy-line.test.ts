import { expect, test } from "bun:test";
import type { AppError } from "#errors";
import { createCopyLine } from "#media/copies/line";

const never = () => new Promise<string>(() => {});
const busy = expect.objectContaining({ kind: "rate_limited" });
const faultOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error("no fault"),
    (error: Error) => error,
  );

test("concurrent requests for the same copy share one result, which is made once", async () => {
  const wait = createCopyLine();
  const { promise, resolve } = Promise.withResolvers<string>();
  let made = 0;
  const make = () => ((made += 1), promise);
  const both = [wait("a", { linkId: "1" }, make), wait("a", { linkId: "2" }, make)];
  resolve("copy");
  expect([await Promise.all(both), made]).toEqual([["copy", "copy"], 1]);
  expect(await wait("a", { linkId: "1" }, async () => "again")).toBe("again");
});

test("a link may have four copies made at once; other links are not affected", async () => {
  const wait = createCopyLine();
  for (const key of ["a", "b", "c", "d"]) void wait(key, { linkId: "1" }, never);
  const fault = await faultOf(wait("e", { linkId: "1" }, never));
  expect(fault).toEqual(busy);
  expect((fault as AppError).details).toEqual({ retry_after_seconds: 5 });
  expect(await wait("e", { linkId: "2" }, async () => "copy")).toBe("copy");
});

test("at most twelve requests of a link wait; an aborted one frees its slot", async () => {
  const wait = createCopyLine();
  const aborting = new AbortController();
  const aborted = faultOf(wait("a", { linkId: "1", signal: aborting.signal }, never));
  for (let at = 1; at < 12; at += 1) void wait("a", { linkId: "1" }, never);
  expect(await faultOf(wait("a", { linkId: "1" }, never))).toEqual(busy);
  aborting.abort();
  expect(await aborted).toEqual(busy);
  const twelfth = wait("a", { linkId: "1" }, never);
  expect(await Promise.race([faultOf(twelfth), Bun.sleep(20).then(() => "waits")])).toBe("waits");
});

test("at most 64 requests of all links wait, apart from archives", async () => {
  const wait = createCopyLine();
  for (let at = 0; at < 64; at += 1) void wait("a", { linkId: `${at}` }, never);
  expect(await faultOf(wait("a", { linkId: "x" }, never))).toEqual(busy);
  const archive = wait("b", { linkId: "x", isArchive: true }, async () => "copy");
  expect(await archive).toBe("copy");
});

test("a failed attempt fails for all waiting requests, and the next one tries again", async () => {
  const wait = createCopyLine();
  const fail = () => Promise.reject(new Error("disk"));
  const faults = await Promise.all([
    faultOf(wait("a", { linkId: "1" }, fail)),
    faultOf(wait("a", { linkId: "1" }, fail)),
  ]);
  expect(faults.map(({ message }) => message)).toEqual(["disk", "disk"]);
  expect(await wait("a", { linkId: "1" }, async () => "copy")).toBe("copy");
});
