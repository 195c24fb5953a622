import type { ApiOptions } from "../../start-api.ts";
import { type ApiUnderTest, startApiUnderTest } from "../../testing/api-under-test.ts";
import { type RegisteredHost, registerHost } from "../../testing/fake-host.ts";
import { startPostgres } from "../../testing/postgres.ts";
import { startS3rver } from "./s3rver.ts";

export interface ArchivesUnderTest {
  readonly under: ApiUnderTest;
  /** a private host that may upload */
  readonly host: RegisteredHost;
  readonly orgId: string;
  /** registers a further private host of the same org, which may not upload unless it is called so */
  newHost(name: string, isPrivate?: boolean): Promise<RegisteredHost>;
  close(): Promise<void>;
}

const uploader = "uploader";

/** Where a control plane with archives keeps its things: all embedded, or nothing of it. */
export const installations: Readonly<Record<string, () => Promise<ArchivesUnderTest>>> = {
  "PGlite and a directory": () => startArchives({}),
  "PostgreSQL and S3": startExternal,
};

async function startExternal(): Promise<ArchivesUnderTest> {
  const [postgres, s3] = await Promise.all([startPostgres(), startS3rver()]);
  const { bucket, region, accessKeyId, secretAccessKey, endpoint } = s3.location;
  const stop = async () => {
    await Promise.all([postgres.stop(), s3.stop()]);
  };
  try {
    const started = await startArchives({
      databaseUrl: postgres.url,
      archiveBucket: bucket,
      awsRegion: region,
      awsAccessKeyId: accessKeyId,
      awsSecretAccessKey: secretAccessKey,
      storageUrl: endpoint,
    });
    return {
      ...started,
      async close() {
        await started.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function startArchives(options: Partial<ApiOptions>): Promise<ArchivesUnderTest> {
  const under = await startApiUnderTest({ archiveUploaders: uploader, ...options });
  const orgId = (await under.as.org.list({ memberId: under.admin.userId, limit: 1n })).orgs[0]?.orgId ?? "";
  const { token } = await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId });
  const local = { region: { case: "regionKey", value: "local" } } as const;
  const regionId = (await under.as.host.getRegion(local)).region?.regionId ?? "";
  let hosts = 0;
  const newHost = (name: string, isPrivate = true) => {
    hosts += 1;
    return registerHost(under.api.url, token, { name, ips: [`10.1.0.${hosts}`], regionId, isPrivate });
  };
  return { under, orgId, newHost, host: await newHost(uploader), close: () => under.close() };
}
