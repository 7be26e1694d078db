import { AwsClient } from "aws4fetch";
import {
  type Answer,
  expectStatus,
  factsOf,
  faultOf,
  hashHeader,
  type ObjectFacts,
} from "./answer";
import { ObjectStoreFault } from "./fault";
import { type ListedObject, parseListing } from "./listing";
import { withStallLimit } from "./stall-limit";

/** Where the bucket is, and how to sign in. */
export type ObjectStoreAccess = Readonly<{
  /** Without the bucket; requests are path-style: `endpoint/bucket/key`. */
  endpoint: string;
  bucket: string;
  /** Before each key, empty or with a slash at its end. */
  prefix: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}>;

/** The operations of Amazon S3's REST API that the storage needs; keys are without the prefix. */
export type ObjectStore = Readonly<{
  head(key: string): Promise<ObjectFacts | undefined>;
  /** Sent once. @throws ObjectStoreFault also when the object may have been stored all the same */
  put(key: string, object: NewObject): Promise<void>;
  /** The object as a stream with its facts; undefined when there is none. */
  get(key: string): Promise<(ObjectFacts & { body: ReadableStream<Uint8Array> }) | undefined>;
  /** A missing object is fine. */
  remove(key: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  /** Every object whose key begins with `prefix`, in the order of keys. */
  list(prefix: string): AsyncIterable<ListedObject>;
}>;

type NewObject = {
  body: Blob;
  /** SHA-256 of the body, lower-case hex. */
  contentHash: string;
  /** Refuse the request when the key exists. */
  onlyNew: boolean;
};

/** Waits in milliseconds; an upload has `answerMs` and the time that it takes at `bytesPerMs`. */
type Waits = { answerMs: number; stalledMs: number; bytesPerMs: number };

const shippedWaits: Waits = { answerMs: 20_000, stalledMs: 30_000, bytesPerMs: 100 };

/** Requests that change nothing, or nothing more when they are repeated, are sent again after a lost answer. */
const maxTries = 3;
const pauseMs = 200;

/** A client for one bucket. */
export function createObjectStore(
  access: ObjectStoreAccess,
  waits: Partial<Waits> = {},
): ObjectStore {
  const { answerMs, stalledMs, bytesPerMs } = { ...shippedWaits, ...waits };
  const { accessKeyId, secretAccessKey, region } = access;
  const signer = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3" });
  const bucketUrl = `${access.endpoint}/${access.bucket}`;
  const urlOf = (key: string) => `${bucketUrl}/${access.prefix}${key}`;

  async function send(
    method: string,
    url: string,
    { headers = {}, body, timeoutMs = answerMs }: SendOptions = {},
  ): Promise<Response> {
    // The body is not given to the signer, which would read it: its hash is in the headers.
    const signed = await signer.sign(url, {
      method,
      headers: { "x-amz-content-sha256": emptyHash, ...headers },
    });
    // Limits the wait for the headers; reading the body has a limit of its own.
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    try {
      return await fetch(signed.url, {
        method,
        headers: signed.headers,
        ...(body && { body }),
        redirect: "manual",
        signal: limit.signal,
      });
    } catch (error) {
      throw new ObjectStoreFault("unreachable", { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads the body, so that the connection can be used again. */
  async function ask(method: string, url: string, options?: SendOptions): Promise<Answer> {
    const response = await send(method, url, options);
    const body = response.body && withStallLimit(response.body, stalledMs);
    return { status: response.status, headers: response.headers, text: await textOf(body) };
  }

  return {
    async head(key) {
      const answer = await repeat(() =>
        ask("HEAD", urlOf(key), { headers: { "x-amz-checksum-mode": "ENABLED" } }),
      );
      if (answer.status === 404) return undefined;
      expectStatus(answer, 200);
      return factsOf(answer.headers);
    },

    async put(key, { body, contentHash, onlyNew }) {
      const answer = await ask("PUT", urlOf(key), {
        body,
        timeoutMs: answerMs + body.size / bytesPerMs,
        headers: {
          "content-length": `${body.size}`,
          "content-type": "application/octet-stream",
          "x-amz-content-sha256": contentHash,
          "x-amz-checksum-sha256": Buffer.from(contentHash, "hex").toString("base64"),
          [hashHeader]: contentHash,
          ...(onlyNew && { "if-none-match": "*" }),
        },
      });
      expectStatus(answer, 200);
    },

    async get(key) {
      const response = await repeat(() =>
        send("GET", urlOf(key), { headers: { "x-amz-checksum-mode": "ENABLED" } }),
      );
      const body = response.body && withStallLimit(response.body, stalledMs);
      if (response.status !== 200) {
        const text = await textOf(body);
        if (response.status === 404) return undefined;
        throw faultOf(response.status, text);
      }
      return { ...factsOf(response.headers), body: body ?? new Blob().stream() };
    },

    async remove(key) {
      const answer = await repeat(() => ask("DELETE", urlOf(key)));
      if (answer.status !== 404) expectStatus(answer, 204, 200);
    },

    async copy(from, to) {
      const source = `/${access.bucket}/${access.prefix}${from}`;
      const answer = await repeat(() =>
        ask("PUT", urlOf(to), { headers: { "x-amz-copy-source": source } }),
      );
      expectStatus(answer, 200);
      // S3 reports a copy that fails later in a body with status 200.
      if (answer.text.includes("<Error>")) throw faultOf(500, answer.text);
    },

    async *list(prefix) {
      let token: string | undefined;
      do {
        const query = new URLSearchParams({
          "list-type": "2",
          prefix: access.prefix + prefix,
          ...(token !== undefined && { "continuation-token": token }),
        });
        const url = `${bucketUrl}?${query.toString()}`;
        const answer = await repeat(() => ask("GET", url));
        expectStatus(answer, 200);
        const page = parseListing(answer.text);
        for (const { key, ...object } of page.objects) {
          yield { key: key.slice(access.prefix.length), ...object };
        }
        token = page.nextToken;
      } while (token !== undefined);
    },
  };
}

type SendOptions = { headers?: Record<string, string>; body?: Blob; timeoutMs?: number };

/** SHA-256 of no bytes. */
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Repeats a request that got no answer, or one that says that the store is busy. */
async function repeat<T extends { status: number }>(request: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const answer = await request().catch((error: unknown) => {
      if (tries === maxTries) throw error;
      return undefined;
    });
    const isBusy = answer !== undefined && (answer.status >= 500 || answer.status === 429);
    if (answer && (!isBusy || tries === maxTries)) return answer;
    await Bun.sleep(pauseMs * tries);
  }
}

async function textOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  return body === null ? "" : new Response(body).text();
}
