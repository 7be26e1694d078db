/** The bucket and the prefix of `s3://bucket/prefix`; undefined for a folder. */
export function parseBucketPlace(place: string): { bucket: string; prefix: string } | undefined {
  const [, bucket, path = ""] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(place) ?? [];
  return bucket === undefined ? undefined : { bucket, prefix: path === "" ? "" : `${path}/` };
}
