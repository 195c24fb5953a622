import type { SettingName } from "./settings.ts";

/** Where the reference's configuration file has the settings of the object store (babel-agent §6.4). */
const paths: Readonly<Partial<Record<SettingName, readonly string[]>>> = {
  archiveBucket: ["bucket", "archive"],
  storageUrl: ["url"],
  awsRegion: ["aws_region"],
  awsAccessKeyId: ["aws_access_key_id"],
  awsSecretAccessKey: ["aws_secret_access_key"],
  presignedUrlExpiration: ["expiration"],
};

/** Takes the section `store` of a configuration file apart; everything else stays as it is, and wins. */
export function withStoreSection(file: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { store, ...rest } = file;
  const taken: Record<string, unknown> = {};
  for (const [name, path] of Object.entries(paths)) {
    const value = path.reduce<unknown>(
      (section, key) => (section as Record<string, unknown> | undefined)?.[key],
      store,
    );
    if (value !== undefined) taken[name] = value;
  }
  return { ...taken, ...rest };
}
