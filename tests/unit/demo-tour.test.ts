import { expect, test } from "bun:test";
import { describeFiles } from "#stack/demo/tour";

test("the tour names the bucket when the photos are in S3, and the folder when they are on the disk", () => {
  const stack = { dataDir: "/srv/gallery", bucket: "pictures/mine/ at http://127.0.0.1:7070" };
  expect(describeFiles("disk", stack)).toContain("/srv/gallery/photos/");
  const inS3 = describeFiles("s3", stack);
  expect(inS3).toContain("photos/{uploaded,generated,thumbnails} in pictures/mine/ at http://");
  expect(inS3).not.toContain("/srv/gallery");
});
