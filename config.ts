import { isIP } from "node:net";
import { resolve } from "node:path";
import { OptionalKind, type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

/** The programs that read variables. */
export type Program = "api" | "worker" | "migrate" | "library";

type Variable = {
  schema: TSchema;
  /** The allowed values, as faults describe them. */
  allowed: string;
  /** A check beyond the schema, for each entry of a list that is separated by commas. */
  isEntry?: (entry: string) => boolean;
  secret?: true;
  /** The programs that read it; default: api and worker. */
  readBy?: readonly Program[];
  /** The programs that learn only whether it is set. */
  noticedBy?: readonly Program[];
};

/** What a worker can serve; each has a task queue of the same name. */
const workerRoles = ["generation", "images", "housekeeping"] as const;
export type WorkerRole = (typeof workerRoles)[number];

/** Stands for the value of a secret that a program may not know. */
export const unknownValue = "set";

const minutes = (fallback: number) =>
  Type.Integer({ minimum: 1, maximum: 10_080, default: fallback });
const seconds = (fallback: number) =>
  Type.Number({ exclusiveMinimum: 0, maximum: 3_600, default: fallback });
const flag = Type.Union([Type.Literal("true"), Type.Literal("false")], { default: "false" });
const httpUrl = Type.String({ pattern: "^https?://[^\\s/]+" });
const list = Type.Optional(Type.String({ minLength: 1 }));
const postgresUrl = Type.String({ pattern: "^postgres(ql)?://\\S+$" });

const storageReaders: readonly Program[] = ["api", "worker", "library"];
const backupReaders: readonly Program[] = ["worker", "library"];
/** Of a place of backups. */
const backupBucket = "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/(?!\\.\\.?(/|$))[A-Za-z0-9_.-]+)*/?$";

/** Every variable the program reads. `.env.example` and docs/configuration.md list exactly these. */
export const variables = {
  DATABASE_URL: {
    schema: postgresUrl,
    allowed: "a postgres:// URL",
    secret: true,
    readBy: ["api", "worker", "migrate", "library"],
  },
  TEST_DATABASE_URL: {
    schema: Type.Optional(postgresUrl),
    allowed: "a postgres:// URL, another than DATABASE_URL",
    secret: true,
    readBy: [],
  },
  DATA_DIR: {
    schema: Type.String({ minLength: 1, default: "data" }),
    allowed: "a folder",
    readBy: storageReaders,
  },
  STORAGE: {
    schema: Type.Union([Type.Literal("disk"), Type.Literal("s3")], { default: "disk" }),
    allowed: "disk or s3",
    readBy: storageReaders,
  },
  S3_ENDPOINT: {
    schema: Type.Optional(httpUrl),
    allowed: "an http:// or https:// URL",
    readBy: storageReaders,
  },
  S3_BUCKET: {
    schema: Type.Optional(Type.String({ pattern: "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$" })),
    allowed: "the name of a bucket",
    readBy: storageReaders,
  },
  S3_PREFIX: {
    schema: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?$" })),
    allowed: "letters, digits, dot, dash, underscore, slash",
    readBy: storageReaders,
  },
  S3_REGION: {
    schema: Type.String({ pattern: "^[a-z0-9-]{1,40}$", default: "us-east-1" }),
    allowed: "the name of a region",
    readBy: storageReaders,
  },
  S3_ACCESS_KEY_ID: {
    schema: Type.Optional(Type.String({ pattern: "^[\\x21-\\x7e]{1,128}$" })),
    allowed: "an access key id",
    secret: true,
    readBy: storageReaders,
  },
  S3_SECRET_ACCESS_KEY: {
    schema: Type.Optional(Type.String({ pattern: "^[\\x21-\\x7e]{1,256}$" })),
    allowed: "a secret access key",
    secret: true,
    readBy: storageReaders,
  },
  S3_CACHE_SIZE: {
    schema: Type.Integer({
      minimum: 67_108_864,
      maximum: 1_099_511_627_776,
      default: 2_147_483_648,
    }),
    allowed: "bytes, a whole number from 67108864 to 1099511627776",
    readBy: storageReaders,
  },
  HOST: {
    schema: Type.String({ minLength: 1, default: "127.0.0.1" }),
    allowed: "an address to listen on",
    readBy: ["api"],
  },
  PORT: {
    schema: Type.Integer({ minimum: 0, maximum: 65_535, default: 8000 }),
    allowed: "a port, 0 to 65535",
    readBy: ["api"],
  },
  PUBLIC_URL: {
    schema: Type.Optional(httpUrl),
    allowed: "an http:// or https:// URL",
    readBy: ["api"],
  },
  API_TOKEN: {
    schema: Type.Optional(
      Type.String({ minLength: 16, maxLength: 512, pattern: "^[\\x21-\\x7e]+$" }),
    ),
    allowed: "16 to 512 visible ASCII characters",
    secret: true,
    readBy: ["api"],
  },
  ALLOW_UNAUTHENTICATED: { schema: flag, allowed: "true or false", readBy: ["api"] },
  ALLOWED_HOSTS: {
    schema: Type.Optional(Type.String({ pattern: "^[^\\s/]+$" })),
    allowed: "host names, separated by commas",
    readBy: ["api"],
  },
  CORS_ORIGINS: {
    schema: list,
    allowed: "origins such as https://app.example.org, separated by commas",
    isEntry: isOrigin,
    readBy: ["api"],
  },
  TRUSTED_PROXIES: {
    schema: list,
    allowed: "addresses or ranges such as 10.0.0.0/8, separated by commas",
    isEntry: isAddressRange,
    readBy: ["api"],
  },
  LOG_LEVEL: {
    schema: Type.Union(
      ["fatal", "error", "warn", "info", "debug", "silent"].map((level) => Type.Literal(level)),
      { default: "info" },
    ),
    allowed: "fatal, error, warn, info, debug or silent",
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    schema: Type.Optional(Type.String({ pattern: "^https?://[^\\s/@]+(/[^\\s@]*)?$" })),
    allowed: "an http:// or https:// URL without a password",
  },
  TEMPORAL_ADDRESS: {
    schema: Type.String({ pattern: "^[^\\s/]+:\\d+$", default: "127.0.0.1:7233" }),
    allowed: "host:port",
  },
  TEMPORAL_NAMESPACE: {
    schema: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$" })),
    allowed: "letters, digits, dot, dash, underscore",
  },
  TEMPORAL_UI_URL: {
    schema: Type.Optional(httpUrl),
    allowed: "an http:// or https:// URL",
    readBy: ["api"],
  },
  WORKFLOW_BUNDLE: {
    schema: Type.Optional(Type.String({ minLength: 1 })),
    allowed: "the path of a workflow bundle",
    readBy: ["worker"],
  },
  WORKER_ROLES: {
    schema: Type.String({
      pattern: "^[a-z]+(\\s*,\\s*[a-z]+)*$",
      default: "generation,images,housekeeping",
    }),
    allowed: "generation, images or housekeeping, or several of them, separated by commas",
    isEntry: isWorkerRole,
    readBy: ["worker"],
  },
  WORKER_PORT: {
    schema: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    allowed: "a port, 1 to 65535",
    readBy: ["worker"],
  },
  INVOKEAI_LOCAL_URL: {
    schema: Type.String({ pattern: "^https?://[^\\s/]+", default: "http://127.0.0.1:9090" }),
    allowed: "an http:// or https:// URL",
  },
  INVOKEAI_TOKEN: {
    schema: Type.Optional(Type.String({ pattern: "^[\\x21-\\x7e]{1,4096}$" })),
    allowed: "a token of an InvokeAI with accounts",
    secret: true,
    readBy: ["worker"],
  },
  INVOKEAI_USER: {
    schema: Type.Optional(Type.String({ pattern: "^[^\\s@]+@[^\\s@]+$", maxLength: 320 })),
    allowed: "the email address of a user of InvokeAI",
    readBy: ["worker"],
  },
  INVOKEAI_PASSWORD: {
    schema: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
    allowed: "the password of INVOKEAI_USER",
    secret: true,
    readBy: ["worker"],
  },
  INVOKEAI_CONNECTION_TIMEOUT: {
    schema: seconds(10),
    allowed: "seconds, a number above 0, at most 3600",
  },
  INVOKEAI_READ_TIMEOUT: {
    schema: seconds(30),
    allowed: "seconds, a number above 0, at most 3600",
  },
  HF_TOKEN: {
    schema: Type.Optional(Type.String({ pattern: "^[\\x21-\\x7e]{1,500}$" })),
    allowed: "an access token of Hugging Face",
    secret: true,
    readBy: ["worker"],
  },
  RUNPOD_API_KEY: {
    schema: Type.Optional(Type.String({ pattern: "^[\\x21-\\x7e]{1,500}$" })),
    allowed: "a RunPod API key",
    secret: true,
    readBy: ["worker"],
    noticedBy: ["api"],
  },
  RUNPOD_POD_TYPE: {
    schema: Type.String({ minLength: 1, maxLength: 100, default: "NVIDIA RTX A5000" }),
    allowed: "a RunPod GPU type",
  },
  RUNPOD_API_URL: {
    schema: Type.String({ pattern: "^https?://[^\\s/]+", default: "https://api.runpod.io" }),
    allowed: "an http:// or https:// URL",
    readBy: ["worker"],
  },
  RUNPOD_PROXY_URL: {
    schema: Type.String({
      pattern: "^https?://(?=\\S*\\{pod\\})(?=\\S*\\{port\\})\\S+$",
      default: "https://{pod}-{port}.proxy.runpod.net",
    }),
    allowed: "an http:// or https:// URL that holds {pod} and {port}",
    readBy: ["worker"],
  },
  RUNPOD_IDLE_TIMEOUT: {
    schema: minutes(30),
    allowed: "minutes, a whole number above 0, at most 10080",
  },
  NOTIFY_URL: {
    schema: Type.Optional(Type.String({ pattern: "^https?://[^\\s/]+\\S*$", maxLength: 2_048 })),
    allowed: "an http:// or https:// URL",
    secret: true,
    readBy: ["worker"],
  },
  TIME_ZONE: {
    schema: Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_+/-]*$", default: "UTC" }),
    allowed: "a time zone of the IANA database, such as Europe/Berlin",
    isEntry: isTimeZone,
  },
  BACKUP_TO: {
    schema: Type.Optional(Type.String({ pattern: `^/|${backupBucket}` })),
    allowed: "the absolute path of a folder, or s3://bucket/prefix",
    readBy: backupReaders,
  },
  BACKUP_S3_ENDPOINT: {
    schema: Type.Optional(httpUrl),
    allowed: "an http:// or https:// URL",
    readBy: backupReaders,
  },
  BACKUP_S3_REGION: {
    schema: Type.String({ pattern: "^[a-z0-9-]{1,40}$", default: "us-east-1" }),
    allowed: "the name of a region",
    readBy: backupReaders,
  },
  BACKUP_S3_ACCESS_KEY_ID: {
    schema: Type.Optional(Type.String({ pattern: "^[\\x21-\\x7e]{1,128}$" })),
    allowed: "an access key id",
    secret: true,
    readBy: backupReaders,
  },
  BACKUP_S3_SECRET_ACCESS_KEY: {
    schema: Type.Optional(Type.String({ pattern: "^[\\x21-\\x7e]{1,256}$" })),
    allowed: "a secret access key",
    secret: true,
    readBy: backupReaders,
  },
  BACKUP_KEEP: {
    schema: Type.Integer({ minimum: 1, maximum: 1_000, default: 14 }),
    allowed: "a whole number from 1 to 1000",
    readBy: ["worker"],
  },
  MAX_UPLOAD_SIZE: {
    schema: Type.Integer({ minimum: 1024, maximum: 2_147_483_648, default: 20_971_520 }),
    allowed: "bytes, a whole number from 1024 to 2147483648",
  },
  MAX_SESSION_ARCHIVE_SIZE: {
    schema: Type.Integer({
      minimum: 1_048_576,
      maximum: 1_099_511_627_776,
      default: 4_294_967_296,
    }),
    allowed: "bytes, a whole number from 1048576 to 1099511627776",
  },
  MAX_BATCH_SIZE: {
    schema: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
    allowed: "a whole number from 1 to 100",
  },
  MAX_GRID_CELLS: {
    schema: Type.Integer({ minimum: 1, maximum: 250, default: 100 }),
    allowed: "a whole number from 1 to 250",
  },
  RETRIEVAL_MAX_ATTEMPTS: {
    schema: Type.Integer({ minimum: 1, maximum: 100, default: 5 }),
    allowed: "a whole number from 1 to 100",
  },
  IMPORT_ROOTS: {
    schema: Type.Optional(Type.String({ pattern: "^/[^:]*(:/[^:]*)*$" })),
    allowed: "absolute paths of folders, separated by colons",
  },
  SESSION_IDLE_DAYS: {
    schema: Type.Integer({ minimum: 1, maximum: 365, default: 30 }),
    allowed: "days, a whole number from 1 to 365",
  },
} satisfies Record<string, Variable>;

/**
 * The variables that a program reads. It never receives the secrets of other programs, even from a shared environment.
 */
export function environmentOf(
  program: Program,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const usual: readonly Program[] = ["api", "worker"];
  return Object.fromEntries(
    (Object.entries(variables) as [Name, Variable][]).flatMap(([name, { readBy, noticedBy }]) => {
      if (env[name] === undefined) return [];
      if ((readBy ?? usual).includes(program)) return [[name, env[name]]];
      return noticedBy?.includes(program) && env[name].trim() !== "" ? [[name, unknownValue]] : [];
    }),
  );
}

type Name = keyof typeof variables;
type Values = { [N in Name]: Static<(typeof variables)[N]["schema"]> };

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "silent";

export type Config = Readonly<{
  dataDir: string;
  /** Where the library's files are, unless they were moved; see `library/places.ts`. */
  storage: "disk" | "s3";
  /** The bucket; null: its settings are not complete. With `storage: "disk"`, the photos can be moved there. */
  s3: Readonly<{
    endpoint: string;
    bucket: string;
    /** Empty, or with a slash at its end. */
    prefix: string;
    region: string;
    /** Of the copies on this machine. */
    cacheBytes: number;
  }> | null;
  /** IANA name; decides in which month the timeline puts a photo without the camera's time. */
  timeZone: string;
  /** Only folders below these may be imported; empty: none. */
  importRoots: readonly string[];
  backup: Readonly<{
    /** The absolute path of a folder, or `s3://bucket/prefix`; null: no nightly backups. */
    folder: string | null;
    /** The store of backups in a bucket; null: its settings are not complete. */
    s3: Readonly<{ endpoint: string; region: string }> | null;
    /** So many nightly backups are kept. */
    keep: number;
  }>;
  logLevel: LogLevel;
  http: Readonly<{
    host: string;
    port: number;
    publicUrl: string | null;
    /** Lower-case host names without port; always includes loopback names and the host of `publicUrl`. */
    allowedHosts: readonly string[];
    /** Origins of front ends that may call from a browser, in the form of the `Origin` header. */
    corsOrigins: readonly string[];
    /** Addresses and ranges (`10.0.0.0/8`) whose `X-Forwarded-*` headers are trusted. */
    trustedProxies: readonly string[];
  }>;
  /** Where traces are sent, by OTLP over HTTP; null: nowhere. */
  tracesUrl: string | null;
  temporal: Readonly<{
    address: string;
    /** null: `gallery-<installation id>`. */
    namespace: string | null;
    uiUrl: string | null;
    /** null: the worker makes the bundle when it starts. */
    workflowBundlePath: string | null;
  }>;
  worker: Readonly<{
    roles: readonly WorkerRole[];
    /** Of 127.0.0.1, where the worker answers health checks; null: nowhere. */
    port: number | null;
  }>;
  invokeai: Readonly<{ localUrl: string; connectionTimeoutMs: number; readTimeoutMs: number }>;
  pods: Readonly<{
    /** Whether RUNPOD_API_KEY is set: without it no pod can be rented. */
    canRent: boolean;
    gpuType: string;
    idleMinutes: number;
    /** RunPod's API, without `/v2`. */
    apiUrl: string;
    /** The address of a port of a pod, with `{pod}` and `{port}` in their places. */
    proxyUrl: string;
  }>;
  limits: Readonly<{
    maxUploadBytes: number;
    /** For the import of a session archive: both the archive and its unpacked pictures. */
    maxArchiveBytes: number;
    maxBatchSize: number;
    maxGridCells: number;
    retrievalMaxAttempts: number;
    sessionIdleDays: number;
  }>;
  /** Kept apart, so that logging the rest is safe. */
  secrets: Readonly<{
    databaseUrl: string;
    apiToken: string | null;
    runpodApiKey: string | null;
    /** For models of Hugging Face that require it. */
    huggingFaceToken: string | null;
    /** Where notices of rented pods are sent; null: nowhere. */
    notifyUrl: string | null;
    /** null: like `s3` of the config. */
    s3: Readonly<{ accessKeyId: string; secretAccessKey: string }> | null;
    /** null: like `s3` of the config's `backup`. */
    backupS3: Readonly<{ accessKeyId: string; secretAccessKey: string }> | null;
    /** null: InvokeAI is called without a login. */
    invokeaiLogin: Readonly<{ token: string } | { user: string; password: string }> | null;
  }>;
}>;

/** Every fault of an environment, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const loopbackHosts = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Parses an environment into a frozen config.
 * @throws ConfigError with one line per faulty variable: its name, the allowed values and, unless it is secret, the value
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const faults: string[] = [];
  const values = Object.fromEntries(
    (Object.entries(variables) as [Name, Variable][]).map(([name, variable]) => [
      name,
      readVariable(name, variable, env[name], faults),
    ]),
  ) as Values;
  if (faults.length === 0) checkTogether(values, faults);
  if (faults.length > 0) throw new ConfigError(faults.join("\n"));
  return freezeDeep(assemble(values));
}

function readVariable(
  name: Name,
  variable: Variable,
  raw: string | undefined,
  faults: string[],
): unknown {
  // `.env.example` has empty values: they count as unset.
  const given = raw === undefined || raw.trim() === "" ? undefined : raw.trim();
  const value =
    given === undefined ? variable.schema.default : Value.Convert(variable.schema, given);
  if (value === undefined && OptionalKind in variable.schema) return undefined;
  const { isEntry } = variable;
  const isAllowed = Value.Check(variable.schema, value);
  if (isAllowed && (!isEntry || entriesOf(String(value)).every(isEntry))) return value;
  const shown =
    given === undefined || variable.secret ? "" : ` (given: ${JSON.stringify(given.slice(0, 80))})`;
  faults.push(`${name}: ${variable.allowed}${shown}`);
  return undefined;
}

const s3Names = ["S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"] as const;

const backupS3Names = [
  "BACKUP_S3_ENDPOINT",
  "BACKUP_S3_ACCESS_KEY_ID",
  "BACKUP_S3_SECRET_ACCESS_KEY",
] as const;
const hasBackupS3 = (values: Values) => backupS3Names.every((name) => values[name] !== undefined);
const hasS3 = (values: Values) => s3Names.every((name) => values[name] !== undefined);

function checkTogether(values: Values, faults: string[]): void {
  const isOpen = !loopbackHosts.includes(values.HOST) && values.HOST !== "::1";
  if (isOpen && values.API_TOKEN === undefined && values.ALLOW_UNAUTHENTICATED !== "true") {
    faults.push(
      `API_TOKEN: needed when HOST (${values.HOST}) is not a loopback address; or set ALLOW_UNAUTHENTICATED=true in a network that only you reach`,
    );
  }
  const publishing = (["PUBLIC_URL", "TRUSTED_PROXIES"] as const).filter(
    (name) => values[name] !== undefined,
  );
  // ALLOW_UNAUTHENTICATED is for a private network. A proxy that forwards one path too many would publish the library.
  if (publishing.length > 0 && values.API_TOKEN === undefined) {
    faults.push(
      `API_TOKEN: needed beside ${publishing.join(" and ")}, also with ALLOW_UNAUTHENTICATED=true: a proxy lets strangers reach this server`,
    );
  }
  if ((values.INVOKEAI_USER === undefined) !== (values.INVOKEAI_PASSWORD === undefined)) {
    const missing = values.INVOKEAI_USER === undefined ? "USER" : "PASSWORD";
    faults.push(`INVOKEAI_${missing}: needed, as INVOKEAI_USER and INVOKEAI_PASSWORD go together`);
  }
  if (values.INVOKEAI_TOKEN !== undefined && values.INVOKEAI_USER !== undefined) {
    faults.push("INVOKEAI_TOKEN: not beside INVOKEAI_USER; set one of the two");
  }
  if (values.STORAGE === "s3") {
    for (const name of s3Names)
      if (values[name] === undefined) faults.push(`${name}: needed with STORAGE=s3`);
  }
  if (values.BACKUP_TO?.startsWith("s3:")) {
    for (const name of backupS3Names)
      if (values[name] === undefined) faults.push(`${name}: needed with BACKUP_TO=s3://…`);
  }
  if (values.TEST_DATABASE_URL !== undefined && values.TEST_DATABASE_URL === values.DATABASE_URL) {
    faults.push("TEST_DATABASE_URL: another database than DATABASE_URL");
  }
}

function assemble(values: Values): Config {
  const publicUrl = values.PUBLIC_URL?.replace(/\/+$/, "") ?? null;
  return {
    dataDir: values.DATA_DIR,
    storage: values.STORAGE as Config["storage"],
    s3: hasS3(values)
      ? {
          endpoint: values.S3_ENDPOINT!.replace(/\/+$/, ""),
          bucket: values.S3_BUCKET!,
          prefix: values.S3_PREFIX === undefined ? "" : `${values.S3_PREFIX.replace(/\/$/, "")}/`,
          region: values.S3_REGION,
          cacheBytes: values.S3_CACHE_SIZE,
        }
      : null,
    timeZone: values.TIME_ZONE,
    importRoots: [...new Set(values.IMPORT_ROOTS?.split(":").map((root) => resolve(root)))],
    backup: {
      folder: values.BACKUP_TO?.replace(/(?<=.)\/+$/, "") ?? null,
      s3: hasBackupS3(values)
        ? {
            endpoint: values.BACKUP_S3_ENDPOINT!.replace(/\/+$/, ""),
            region: values.BACKUP_S3_REGION,
          }
        : null,
      keep: values.BACKUP_KEEP,
    },
    logLevel: values.LOG_LEVEL as LogLevel,
    http: {
      host: values.HOST,
      port: values.PORT,
      publicUrl,
      allowedHosts: [
        ...new Set([
          ...loopbackHosts,
          ...(publicUrl ? [new URL(publicUrl).hostname.toLowerCase()] : []),
          ...entriesOf(values.ALLOWED_HOSTS?.toLowerCase()),
        ]),
      ],
      corsOrigins: entriesOf(values.CORS_ORIGINS).map((entry) => new URL(entry).origin),
      trustedProxies: entriesOf(values.TRUSTED_PROXIES),
    },
    tracesUrl: values.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    temporal: {
      address: values.TEMPORAL_ADDRESS,
      namespace: values.TEMPORAL_NAMESPACE ?? null,
      uiUrl: values.TEMPORAL_UI_URL?.replace(/\/+$/, "") ?? null,
      workflowBundlePath: values.WORKFLOW_BUNDLE ?? null,
    },
    worker: {
      roles: [...new Set(entriesOf(values.WORKER_ROLES).filter(isWorkerRole))],
      port: values.WORKER_PORT ?? null,
    },
    invokeai: {
      localUrl: values.INVOKEAI_LOCAL_URL.replace(/\/+$/, ""),
      connectionTimeoutMs: values.INVOKEAI_CONNECTION_TIMEOUT * 1000,
      readTimeoutMs: values.INVOKEAI_READ_TIMEOUT * 1000,
    },
    pods: {
      canRent: values.RUNPOD_API_KEY !== undefined,
      gpuType: values.RUNPOD_POD_TYPE,
      idleMinutes: values.RUNPOD_IDLE_TIMEOUT,
      apiUrl: values.RUNPOD_API_URL.replace(/\/+$/, ""),
      proxyUrl: values.RUNPOD_PROXY_URL.replace(/\/+$/, ""),
    },
    limits: {
      maxUploadBytes: values.MAX_UPLOAD_SIZE,
      maxArchiveBytes: values.MAX_SESSION_ARCHIVE_SIZE,
      maxBatchSize: values.MAX_BATCH_SIZE,
      maxGridCells: values.MAX_GRID_CELLS,
      retrievalMaxAttempts: values.RETRIEVAL_MAX_ATTEMPTS,
      sessionIdleDays: values.SESSION_IDLE_DAYS,
    },
    secrets: {
      databaseUrl: values.DATABASE_URL,
      apiToken: values.API_TOKEN ?? null,
      runpodApiKey: values.RUNPOD_API_KEY ?? null,
      s3: hasS3(values)
        ? {
            accessKeyId: values.S3_ACCESS_KEY_ID!,
            secretAccessKey: values.S3_SECRET_ACCESS_KEY!,
          }
        : null,
      backupS3: hasBackupS3(values)
        ? {
            accessKeyId: values.BACKUP_S3_ACCESS_KEY_ID!,
            secretAccessKey: values.BACKUP_S3_SECRET_ACCESS_KEY!,
          }
        : null,
      huggingFaceToken: values.HF_TOKEN ?? null,
      notifyUrl: values.NOTIFY_URL ?? null,
      invokeaiLogin: invokeaiLoginOf(values),
    },
  };
}

function invokeaiLoginOf(values: Values): Config["secrets"]["invokeaiLogin"] {
  const { INVOKEAI_TOKEN: token, INVOKEAI_USER: user, INVOKEAI_PASSWORD: password } = values;
  if (token !== undefined) return { token };
  return user !== undefined && password !== undefined ? { user, password } : null;
}

function entriesOf(list: string | undefined): string[] {
  return (list ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean);
}

function isWorkerRole(name: string): name is WorkerRole {
  return (workerRoles as readonly string[]).includes(name);
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).format() !== "";
  } catch {
    return false;
  }
}

/** Scheme, host and port; no path and no `*`. */
function isOrigin(entry: string): boolean {
  const url = URL.parse(entry);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    `${url.origin}/` === url.href &&
    !/[*?#]/.test(entry)
  );
}

/** `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. */
function isAddressRange(entry: string): boolean {
  const [address = "", bits, ...rest] = entry.split("/");
  const version = isIP(address);
  const isWidth = /^\d{1,3}$/.test(bits ?? "0") && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
  return version !== 0 && rest.length === 0 && isWidth;
}

function freezeDeep<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null) freezeDeep(inner);
  }
  return Object.freeze(value);
}
