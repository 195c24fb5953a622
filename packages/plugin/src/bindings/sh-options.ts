import type { ShOptions } from "../engine/port.ts";
import { mapOf, option, type Reader, string, struct } from "../values/reader.ts";
import { timeoutMs } from "./http-request.ts";

const seconds: Reader<number> = (value) => timeoutMs(value);

const fields = struct<{
  readonly timeout: number | null;
  readonly env: Readonly<Record<string, string>> | null;
  readonly stdin: string | null;
  readonly user: string | null;
}>({ timeout: option(seconds), env: option(mapOf(string)), stdin: option(string), user: option(string) });

/** `#{timeout, env, stdin, user}`: seconds, MAP of STRING, STRING, STRING; all optional (spec plugin-api.md §2 Do better). */
export const shOptions: Reader<ShOptions> = (value, path, problems) => {
  const { timeout, env, stdin, user } = fields(value, path, problems);
  return {
    timeoutMs: timeout ?? timeoutMs(undefined),
    ...(env && { env }),
    ...(stdin !== null && { stdin }),
    ...(user !== null && { user }),
  };
};
