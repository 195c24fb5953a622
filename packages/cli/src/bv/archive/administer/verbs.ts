import { bandwidth, count } from "../../../command/values.ts";
import { type Verb, type VerbArgument, verb } from "../../../command/verb.ts";

export interface RetainOptions {
  readonly last?: number;
  readonly days?: number;
}

export interface QuotaOptions {
  readonly bytes?: number;
  readonly uploads?: number;
  readonly reset?: true;
}

const details = "For platform administrators: it uses the login of `nib login` (or NIB_TOKEN and NIB_API_URL).";

const storeKey: VerbArgument = { usage: "<store-key>", summary: "name of the archive", completes: "none" };
const anyStoreKey: VerbArgument = { ...storeKey, usage: "[store-key]", summary: "only this archive (default: every)" };
const hostId: VerbArgument = { usage: "<host-id>", summary: "`bv host info` shows it", completes: "none" };

const retain = verb<RetainOptions, [storeKey: string]>({
  name: "retain",
  summary: "say which versions of an archive are kept; without options all of them",
  details: `A version is kept while it is among the newest ones or young; the newest always is. ${details}`,
  examples: [["bv archive retain my-chain-v1 --last 3 --days 30", "three versions, and all of the last month"]],
  arguments: [storeKey],
  options: [
    { flags: "--last <number>", summary: "keep so many of the newest", parse: count },
    { flags: "--days <number>", summary: "keep those that are younger", parse: count },
  ],
  run: async (call) => (await import("./administer.ts")).retain(call),
});

const deprecate = verb<{ readonly undo?: true }, [storeKey: string, version: string]>({
  name: "deprecate",
  summary: "hand a version out no longer, except to who asks for its number",
  details,
  arguments: [storeKey, { usage: "<version>", summary: "its number", completes: "none" }],
  options: [{ flags: "--undo", summary: "take it back" }],
  run: async (call) => (await import("./administer.ts")).deprecate(call),
});

const release = verb<object, [storeKey: string]>({
  name: "release",
  summary: "give up an upload that will not go on, so that another one can begin",
  details: `Whoever uploads has the archive for a day from their last request on; one that does go on after this begins anew. ${details}`,
  arguments: [storeKey],
  run: async (call) => (await import("./administer.ts")).release(call),
});

const grant = verb<object, [hostId: string, storeKey?: string]>({
  name: "grant",
  summary: "let a host upload archives",
  details,
  arguments: [hostId, anyStoreKey],
  run: async (call) => (await import("./administer.ts")).grant(call),
});

const revoke = verb<object, [hostId: string, storeKey?: string]>({
  name: "revoke",
  summary: "take back what was granted to a host",
  details,
  arguments: [hostId, anyStoreKey],
  run: async (call) => (await import("./administer.ts")).revoke(call),
});

const grants = verb<object>({
  name: "grants",
  summary: "list which hosts may upload which archives",
  details,
  run: async (call) => (await import("./administer.ts")).listGrants(call),
});

const quota = verb<QuotaOptions, [orgId: string]>({
  name: "quota",
  summary: "show or set what an org may store and upload",
  details: `What is not given is as the settings of the API have it. ${details}`,
  examples: [["bv archive quota ORG --bytes 2000G --uploads 10", "two terabytes, ten uploads in 24 hours"]],
  arguments: [{ usage: "<org-id>", summary: "the organisation", completes: "none" }],
  options: [
    { flags: "--bytes <size>", summary: "bytes of published versions, for example 500G", parse: bandwidth },
    { flags: "--uploads <number>", summary: "uploads in 24 hours", parse: count },
    { flags: "--reset", summary: "everything as the settings of the API have it" },
  ],
  run: async (call) => (await import("./administer.ts")).quota(call),
});

const gc = verb<{ readonly dryRun?: true }>({
  name: "gc",
  summary: "remove abandoned uploads and what no policy keeps now; the API does it daily by itself",
  details,
  options: [{ flags: "--dry-run", summary: "only tell what would be removed" }],
  run: async (call) => (await import("./administer.ts")).collectGarbage(call),
});

export const administrationVerbs: readonly Verb[] = [retain, deprecate, release, grant, revoke, grants, quota, gc];
