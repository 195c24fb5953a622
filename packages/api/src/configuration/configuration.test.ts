import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSettings } from "./settings.ts";
import { withStoreSection } from "./store-section.ts";

const keys = { awsAccessKeyId: "id", awsSecretAccessKey: "secret" };

test("the object store is configured by our names or by the section of the reference's file", () => {
  const store = {
    bucket: { archive: "archives", bundle: "bundles" },
    url: "https://s3.example",
    aws_region: "eu-west-1",
    aws_access_key_id: "id",
    aws_secret_access_key: "secret",
    expiration: "1h",
    prefix: "unused",
  };
  const { archiveBucket, storageUrl, awsRegion, awsAccessKeyId, awsSecretAccessKey, presignedUrlExpiration } =
    parseSettings({ dataDir: "/data", ...withStoreSection({ store, awsRegion: "eu-north-1" }) });
  assert.deepEqual(
    { archiveBucket, storageUrl, awsRegion, awsAccessKeyId, awsSecretAccessKey, presignedUrlExpiration },
    {
      archiveBucket: "archives",
      storageUrl: "https://s3.example",
      awsRegion: "eu-north-1",
      ...keys,
      presignedUrlExpiration: 3600,
    },
  );
  assert.deepEqual(withStoreSection({ port: 1 }), { port: 1 });
});

test("lifetimes are seconds or like 15m, 12h, 1d", () => {
  const life = (presignedUrlExpiration: unknown) =>
    parseSettings({ dataDir: "/data", presignedUrlExpiration }).presignedUrlExpiration;
  assert.deepEqual(
    [life(900), life("900"), life("15m"), life("12h"), life("1d"), life("2 w"), life(undefined)],
    [900, 900, 900, 43_200, 86_400, 1_209_600, 43_200],
  );
  for (const wrong of ["", "0", "soon", "-1h", "1.5h"]) {
    assert.throws(() => life(wrong), /presignedUrlExpiration/, wrong);
  }
});

test("a bucket without keys is refused at the start", () => {
  const start = (input: object) => parseSettings({ dataDir: "/data", archiveBucket: "archives", ...input });
  assert.throws(() => start({}), /archiveBucket needs awsAccessKeyId and awsSecretAccessKey/);
  assert.throws(() => start({ awsAccessKeyId: "id" }), /archiveBucket needs/);
  assert.equal(start(keys).archiveBucket, "archives");
});
