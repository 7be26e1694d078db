import type { Database } from "bun:sqlite";
import type { Broadcast } from "./events.ts";
import type { Faults } from "./faults.ts";
import type { createHolds } from "./holds.ts";
import type { ModelRecord } from "./model-records.ts";
import type { ModelCatalogue } from "./models.ts";
import { allStarters, installedRecord, type StarterModel } from "./starter-models.ts";

type InstallStatus =
  | "waiting"
  | "downloading"
  | "downloads_done"
  | "running"
  | "completed"
  | "error"
  | "cancelled";

/** A job of the installer, in the real server's format. */
type InstallJob = {
  id: number;
  status: InstallStatus;
  error: string | null;
  error_reason: string | null;
  error_traceback: string | null;
  inplace: boolean;
  source: Record<string, unknown>;
  local_path: string;
  bytes: number;
  total_bytes: number;
  download_parts: unknown[];
  config_in: Record<string, unknown>;
  config_out: ModelRecord | null;
};

export type Installs = ReturnType<typeof createInstalls>;

const progressSteps = 10;
const ended: ReadonlySet<InstallStatus> = new Set(["completed", "error", "cancelled"]);
const privateHost = /^(?:localhost|127\.|10\.|192\.168\.|\[::1\])/;

/**
 * The model installer: jobs are in memory, one after another; a job that was cut is taken up again at the next start.
 */
export function createInstalls(
  database: Database,
  deps: {
    models: ModelCatalogue;
    faults: Faults;
    held: ReturnType<typeof createHolds<{ source: string }>>;
    /** Real duration of each download. */
    installMs: () => number;
    broadcast: Broadcast;
  },
) {
  let jobs: InstallJob[] = [];
  let nextId = 0;
  const sources = new Map<InstallJob, string>();
  let life = new AbortController();
  let line = Promise.resolve();

  function enqueue(source: string, accessToken: string | null): InstallJob {
    const job: InstallJob = {
      id: nextId,
      status: "waiting",
      error: null,
      error_reason: null,
      error_traceback: null,
      inplace: false,
      source: describeSource(source, accessToken),
      local_path: "models",
      bytes: 0,
      total_bytes: 0,
      download_parts: [],
      config_in: {},
      config_out: null,
    };
    nextId += 1;
    jobs.push(job);
    sources.set(job, source);
    database.query("insert or ignore into installs (source) values (?)").run(source);
    line = line.then(() => run(job));
    return job;
  }

  const sourceOf = (job: InstallJob): string => sources.get(job) ?? "";

  function finish(job: InstallJob, status: InstallStatus): void {
    job.status = status;
    database.query("delete from installs where source = ?").run(sourceOf(job));
  }

  function fail(job: InstallJob, reason: string, message: string): void {
    job.error = message;
    job.error_reason = reason;
    finish(job, "error");
    deps.broadcast("model_install_error", {
      id: job.id,
      source: job.source,
      error_type: reason,
      error: message,
    });
  }

  async function run(job: InstallJob): Promise<void> {
    const { signal } = life;
    const isOver = () => signal.aborted || !jobs.includes(job) || ended.has(job.status);
    if (isOver()) return;
    const source = sourceOf(job);
    const fault = deps.faults.strike(
      "install_failure",
      (each) => (each.source ?? source) === source,
    );
    const starter = allStarters.find((each) => each.source === source);
    if (fault) return fail(job, fault.errorReason, fault.errorReason);
    if (starter === undefined) return failUrl(job);
    await download(job, starter, isOver);
    if (isOver()) return;
    job.status = "running";
    const config = deps.models.add(installedRecord(starter));
    job.config_out = config;
    finish(job, "completed");
    deps.broadcast("model_install_complete", {
      id: job.id,
      source: job.source,
      key: config.key,
      total_bytes: job.total_bytes,
      config,
    });
  }

  async function download(
    job: InstallJob,
    { fileSize, source }: StarterModel,
    isOver: () => boolean,
  ): Promise<void> {
    job.status = "downloading";
    job.total_bytes = fileSize;
    for (let step = 1; step <= progressSteps && !isOver(); step += 1) {
      await Bun.sleep(deps.installMs() / progressSteps);
      if (isOver()) return;
      const isHeld = deps.faults.strike(
        "install_held",
        (each) => (each.source ?? source) === source,
      );
      if (isHeld) await deps.held.wait({ source }, life.signal);
      if (isOver()) return;
      job.bytes = Math.floor((fileSize * step) / progressSteps);
      job.download_parts = [{ bytes: job.bytes, total_bytes: fileSize }];
      deps.broadcast("model_install_download_progress", {
        id: job.id,
        source: job.source,
        local_path: job.local_path,
        bytes: job.bytes,
        total_bytes: fileSize,
        parts: job.download_parts,
      });
    }
    if (!isOver()) job.status = "downloads_done";
  }

  function failUrl(job: InstallJob): void {
    const isPrivate = privateHost.test(sourceOf(job).replace(/^https?:\/\//, ""));
    if (!isPrivate) return fail(job, "ConnectionError", "Could not connect to the server");
    fail(job, "UnsafeDownloadURLException", "The address is not a public one");
  }

  /** Takes up the jobs that the last stop cut. */
  function resume(): void {
    const rows = database.query<{ source: string }, []>("select source from installs").all();
    for (const { source } of rows) enqueue(source, null);
  }

  return {
    resume,
    /** Like a kill and restart: all jobs are forgotten, and those that had not ended are taken up under other ids. */
    restart(): void {
      life.abort();
      life = new AbortController();
      jobs = [];
      nextId = 0;
      line = Promise.resolve();
      resume();
    },
    list: (): InstallJob[] => jobs,
    find: (id: number): InstallJob | undefined => jobs.find((job) => job.id === id),
    /** Whether the source is one that the installer can find. */
    knows: (source: string): boolean =>
      /^https?:\/\//.test(source) || allStarters.some((starter) => starter.source === source),
    enqueue,
    cancel(job: InstallJob): void {
      if (!ended.has(job.status)) finish(job, "cancelled");
    },
    /** Forgets the jobs that have ended. */
    prune(): void {
      jobs = jobs.filter(({ status }) => !ended.has(status));
    },
    stop: (): void => life.abort(),
  };
}

function describeSource(source: string, accessToken: string | null): Record<string, unknown> {
  if (/^https?:\/\//.test(source)) {
    return { url: source, access_token: accessToken, type: "url" };
  }
  const [repo, subfolder = null] = source.split("::");
  return { repo_id: repo, variant: "fp16", subfolder, access_token: accessToken, type: "hf" };
}
