import type { ObjectStoreFault } from "#media/storage/s3/fault";
import { createObjectStore, type ObjectStoreAccess } from "#media/storage/s3/object-store";
import { type TrialFaults, trialFolder, trialSteps, tryObjectStore } from "#media/storage/s3/trial";

/** The settings that name a bucket, for advice. */
type BucketSettings = Record<"endpoint" | "region" | "bucket" | "keyId" | "secret", string>;

export type Bucket = { access: ObjectStoreAccess; settings: BucketSettings };

type BucketFault = {
  text: string;
  advice: string;
  /** Whether what is in the bucket can still be read. */
  isReadable: boolean;
};

/** A store without an answer must be found out before the time of a check ends. */
const waits = { answerMs: 2_000, stalledMs: 2_000 };

/** Tries what the gallery does in a bucket, with one small object. */
export async function findBucketFault({
  access,
  settings,
}: Bucket): Promise<BucketFault | undefined> {
  const faults = await tryObjectStore(createObjectStore(access, waits));
  const [fault] = trialSteps.flatMap((step) => faults[step] ?? []);
  if (!fault) return undefined;
  // A bucket that does not exist has no object, as has an empty one.
  const isThere = fault.kind !== "unreachable" && fault.answer?.code !== "NoSuchBucket";
  return { ...describe(faults, fault, settings), isReadable: isThere && !faults.read };
}

function describe(
  faults: TrialFaults,
  { kind, answer }: ObjectStoreFault,
  names: BucketSettings,
): { text: string; advice: string } {
  const { endpoint, region, bucket, keyId, secret } = names;
  if (kind === "unreachable") {
    const said = answer === undefined ? "" : ` (it answers ${answer.status})`;
    return {
      text: `the bucket cannot be reached${said}`,
      advice: `Start the store, and check ${endpoint}.`,
    };
  }
  if (kind === "full") {
    return { text: "the bucket has no room left", advice: "Free some, or raise its quota." };
  }
  if (kind !== "refused") {
    return {
      text: "the bucket does not keep what is written to it",
      advice: `Check the store, and that ${endpoint} is one of S3.`,
    };
  }
  switch (answer?.code) {
    case "InvalidAccessKeyId":
      return { text: "the store does not know the access key", advice: `Correct ${keyId}.` };
    case "SignatureDoesNotMatch":
      return { text: "the secret key is wrong", advice: `Correct ${secret}.` };
    case "NoSuchBucket":
      return { text: "there is no such bucket", advice: `Create it, or correct ${bucket}.` };
  }
  const said = `the store answers ${answer?.status ?? ""} ${answer?.code ?? ""}`.trim();
  if (answer?.status !== 403) {
    return {
      text: `the bucket cannot be used: ${said}`,
      advice: `Check ${endpoint}, ${region}, ${bucket} and the keys.`,
    };
  }
  const done = trialSteps.filter((step) => !faults[step] && !(step === "delete" && faults.write));
  const denied = trialSteps.filter((step) => faults[step]);
  const may = done.length > 0 ? `may ${joined(done)}, but not ${joined(denied)}` : "may do nothing";
  const left = faults.delete ? ` Objects below ${trialFolder} can be deleted by hand.` : "";
  return {
    text: `the keys of the bucket ${may}: ${said}`,
    advice: `Let them read, write, list and delete below the prefix.${left}`,
  };
}

const joined = (words: readonly string[]) =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
