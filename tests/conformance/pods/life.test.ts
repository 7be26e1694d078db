import { describe, expect, test } from "bun:test";
import { providerErrorOf } from "#tests/support/failures";
import { until } from "#tests/support/wait";
import { newName, rent, useBed } from "./bed.ts";
import { providers, waitingPod } from "./providers.ts";

describe.each(providers)("$name: life of a pod", (tested) => {
  const bed = useBed(tested);
  const idsInList = async () => (await bed().provider.list()).map(({ id }) => id);

  test("a pod starts, runs, and then has a container", async () => {
    const { id, name } = await rent(bed());
    const running = await until("a container", async () => {
      const pod = await bed().provider.get(id);
      return pod?.hasContainer === true && pod;
    });
    expect(running).toMatchObject({ id, name, status: "running" });
    expect(running.createdAt).toBeInstanceOf(Date);
    expect(await bed().provider.list()).toContainEqual(running);
  });

  test("an ended pod leaves the list and is unknown, and ending it again succeeds", async () => {
    const { id } = await rent(bed());
    await bed().provider.terminate(id);
    await until("its end", async () => !(await idsInList()).includes(id));
    expect(await bed().provider.get(id)).toBeNull();
    expect(await bed().provider.terminate(id)).toBeUndefined();
    const [pod] = (await bed().bookkeeping()).filter((each) => each.id === id);
    expect(pod?.isAlive).toBe(false);
  });

  test("a refused end is an error, and an accepted one without effect stays in the list", async () => {
    const { id } = await rent(bed());
    await bed().cause({ is: "end refused" });
    await providerErrorOf(bed().provider.terminate(id));
    expect(await idsInList()).toContain(id);
    await bed().heal();
    await bed().cause({ is: "end accepted without effect" });
    await bed().provider.terminate(id);
    await bed().advance(3_600_000);
    expect(await idsInList()).toContain(id);
    await bed().heal();
    await bed().provider.terminate(id);
    await until("its end", async () => !(await idsInList()).includes(id));
  });

  test("the list holds every pod of the account, however short its pages are", async () => {
    const made = [];
    for (let count = 0; count < 5; count += 1) made.push((await rent(bed())).id);
    await bed().cause({ is: "short pages", size: 2 });
    const listed = await idsInList();
    expect(listed).toEqual(expect.arrayContaining(made));
    expect(new Set(listed).size).toBe(listed.length);
    await bed().cause({ is: "gateway page", of: "list", status: 502, skip: 1 });
    // The first page alone is no answer.
    await providerErrorOf(bed().provider.list());
  });

  test("pages of gateways, lost answers and lost connections never mean that a pod is gone", async () => {
    const { id } = await rent(bed());
    for (const of of ["get", "list", "terminate"] as const) {
      for (const trouble of [
        { is: "gateway page", of, status: 404 },
        { is: "gateway page", of, status: 200 },
        { is: "unreachable", of },
        { is: "answer lost", of },
        { is: "too many requests", of, retryAfterSeconds: 3 },
      ] as const) {
        await bed().heal();
        await bed().cause(trouble);
        const { provider } = bed();
        const call =
          of === "get"
            ? provider.get(id)
            : of === "list"
              ? provider.list()
              : provider.terminate(id);
        expect((await providerErrorOf(call)).retryable).toBe(true);
      }
    }
  });

  test("a stopped, a failed and an evicted pod are told apart", async () => {
    const { provider } = bed();
    const running = async () => {
      const { id } = await rent(bed());
      await until("it runs", async () => (await provider.get(id))?.status === "running");
      return id;
    };
    const stopped = await running();
    await bed().strike(stopped, "stopped");
    expect(await provider.get(stopped)).toMatchObject({ status: "stopped", hourlyMicros: null });
    const failed = await running();
    await bed().strike(failed, "failed");
    expect(await provider.get(failed)).toMatchObject({ status: "failed" });
    const evicted = await running();
    await bed().strike(evicted, "evicted");
    expect(await provider.get(evicted)).toBeNull();
    expect(await idsInList()).not.toContain(evicted);
    // They cost money until they are ended.
    expect(await idsInList()).toEqual(expect.arrayContaining([stopped, failed]));
  });

  test("a pod that never boots runs without a container, and the log tells how far it came", async () => {
    await bed().cause({ is: "never boots" });
    const { id } = await rent(bed());
    await until("it runs", async () => (await bed().provider.get(id))?.status === "running");
    await bed().advance(600_000);
    expect(await bed().provider.get(id)).toMatchObject({ status: "running", hasContainer: false });
    expect(await bed().provider.lastLogLine(id)).toMatch(/\w/);
  });

  test("a port of a pod answers at its address, and a port that was not ordered does not", async () => {
    const serve =
      "from http.server import *; import os; ThreadingHTTPServer(('127.0.0.1', int(os.environ['INVOKEAI_PORT'])), SimpleHTTPRequestHandler).serve_forever()";
    const created = await bed().provider.create(
      waitingPod(bed(), newName(), {
        entrypoint: ["/opt/venv/bin/python"],
        command: ["-c", serve],
      }),
    );
    const id = created.outcome === "made" ? created.pod.id : "";
    const { addressOf } = bed().provider;
    await until("an answer", async () => {
      const answer = await fetch(`${addressOf(id, 9090)}/`);
      return (await answer.text()).includes("Directory listing");
    });
    expect((await fetch(`${addressOf(id, 9091)}/`)).status).toBe(404);
  });
});
