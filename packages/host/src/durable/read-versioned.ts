import { readFileSync } from "node:fs";
import { OperationError } from "@blockvisor/image/container";
import type { z } from "zod";

/** What a state file looks like on disk: its own fields plus the version of their meaning. */
export interface VersionedSchema<T> {
  /** The newest version this program understands; a file without `schema_version` is version 1. */
  readonly version: number;
  readonly schema: z.ZodType<T>;
  /** Brings an older file's fields to the newest shape. */
  readonly upgrade?: (fields: Record<string, unknown>, from: number) => Record<string, unknown>;
}

const shownIssues = 5;

/**
 * Reads a JSON state file, on the spot, as it is small; `undefined` when it does not exist.
 * Errors: `state-unreadable` (not JSON, or not of the schema), `state-too-new` (written by a newer version; never touched).
 */
export async function readVersioned<T>(path: string, format: VersionedSchema<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return parseVersioned(path, text, format);
}

/** The text of such a file; `path` is what errors call it. Errors as `readVersioned`. */
export function parseVersioned<T>(path: string, text: string, format: VersionedSchema<T>): T {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, (cause as Error).message, cause);
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) throw unreadable(path, "not an object");
  const { schema_version: version = 1, ...rest } = fields as Record<string, unknown>;
  if (typeof version !== "number" || !Number.isInteger(version)) throw unreadable(path, "schema_version is no integer");
  if (version > format.version) {
    throw new OperationError(
      "state-too-new",
      `${path} has schema version ${version}, this program knows ${format.version}`,
      {
        fix: "run the newer version of blockvisor that wrote it",
      },
    );
  }
  const upgraded = version < format.version && format.upgrade ? format.upgrade(rest, version) : rest;
  const parsed = format.schema.safeParse(upgraded);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, shownIssues);
  throw unreadable(path, issues.map((issue) => `${issue.path.join(".") || "document"}: ${issue.message}`).join("; "));
}

function unreadable(path: string, reason: string, cause?: unknown): OperationError {
  return new OperationError("state-unreadable", `${path} cannot be read: ${reason}`, {
    fix: "restore the file from a backup, or remove it together with what it describes",
    cause,
  });
}
