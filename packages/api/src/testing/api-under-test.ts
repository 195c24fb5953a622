import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { pino } from "pino";
import { type ApiOptions, type RunningApi, startApi } from "../start-api.ts";
import { type Clients, clients } from "./clients.ts";
import { newDataDir } from "./data-dir.ts";

export interface ApiUnderTest {
  readonly api: RunningApi;
  readonly dataDir: string;
  readonly admin: {
    readonly userId: string;
    readonly email: string;
    readonly password: string;
    readonly token: string;
  };
  /** signed in as the first administrator */
  readonly as: Clients;
  close(): Promise<void>;
}

export const quiet = pino({ level: process.env["TEST_LOG"] ?? "silent" });

/** A control plane of its own: temporary directory, ephemeral ports. */
export async function startApiUnderTest(options: Partial<ApiOptions> = {}): Promise<ApiUnderTest> {
  const dataDir = await newDataDir();
  const api = await startApi({ dataDir, port: 0, mqttPort: 0, log: quiet, ...options });
  assert.ok(api.adminCredentials);
  const { email, password, userId } = api.adminCredentials;
  const { token } = await clients(api.url).auth.login({ email, password });
  return {
    api,
    dataDir,
    admin: { userId, email, password, token },
    as: clients(api.url, token),
    async close() {
      await api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A user made by the administrator, with its personal org, signed in. */
export async function newUser(under: ApiUnderTest, email: string) {
  const password = "Correct1Horse2Battery";
  const { user } = await under.as.user.create({ email, password, firstName: "Test", lastName: "User" });
  assert.ok(user);
  const { token, refresh } = await clients(under.api.url).auth.login({ email, password });
  const as = clients(under.api.url, token);
  const { orgs } = await as.org.list({ memberId: user.userId, limit: 10n });
  const personalOrgId = orgs.find((org) => org.personal)?.orgId;
  assert.ok(personalOrgId);
  return { userId: user.userId, password, token, refresh, as, personalOrgId };
}
