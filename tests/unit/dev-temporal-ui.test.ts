import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "#stack/ports";
import { Refusal } from "#stack/refusal";
import { openTemporalUi } from "#stack/temporal-ui";
import { askRaw, statusOf } from "#tests/support/raw-http";

async function inFolder(work: (settingsPath: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "temporal-ui-"));
  try {
    await work(join(folder, "ui.json"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Opens the UI, and closes it again; returns its address. */
async function openedAt(...where: Parameters<typeof openTemporalUi>): Promise<string> {
  const ui = await openTemporalUi(...where);
  await ui.stop();
  return ui.url;
}

const refusalOf = (...where: Parameters<typeof openTemporalUi>): Promise<unknown> =>
  openedAt(...where).catch((error: unknown) => error);

test("the Temporal web UI keeps its address across starts, and has another one while its port is taken", () =>
  inFolder(async (settings) => {
    const first = await openedAt(settings);
    expect(await openedAt(settings)).toBe(first);
    const { port, pathname } = new URL(first);
    const other = Bun.serve({
      hostname: "127.0.0.1",
      port: Number(port),
      fetch: () => new Response(),
    });
    try {
      const second = new URL(await openedAt(settings));
      expect(second.pathname).toBe(pathname);
      expect(second.port).not.toBe(port);
    } finally {
      await other.stop(true);
    }
  }));

test("TEMPORAL_UI_PORT sets its port; a taken or invalid port is refused", () =>
  inFolder(async (settings) => {
    await openedAt(settings);
    const port = String(await findFreePort());
    const ui = await openTemporalUi(settings, port);
    try {
      expect(new URL(ui.url).port).toBe(port);
      const refusal = await refusalOf(settings, port);
      expect(refusal).toBeInstanceOf(Refusal);
      expect(String(refusal)).toContain(`Port ${port} of TEMPORAL_UI_PORT`);
    } finally {
      await ui.stop();
    }
    // The port is kept when the variable is removed later.
    expect(new URL(await openedAt(settings)).port).toBe(port);
    for (const wrong of ["0", "65536", "http", "-1", "80.5"]) {
      expect(String(await refusalOf(settings, wrong))).toContain("TEMPORAL_UI_PORT: a port");
    }
  }));

test.each(["", "127.0.0.1:1.evil.example", "a b", "[", "127.0.0.1:99999"])(
  "it refuses the malformed Host '%s', and its answer contains no source code or path",
  (host) =>
    inFolder(async (settings) => {
      const ui = await openTemporalUi(settings);
      try {
        const answer = await askRaw(ui.url, { target: new URL(ui.url).pathname, host });
        expect(statusOf(answer)).toBe(403);
        expect(answer).not.toContain(import.meta.dir.replace(/tests.unit$/, ""));
      } finally {
        await ui.stop();
      }
    }),
);
