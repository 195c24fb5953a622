import { validateHeaderName, validateHeaderValue } from "node:http";
import { messageOf } from "../errno.ts";
import { invalid } from "../failure.ts";

export type HeaderPair = { readonly name: string; readonly value: string };

/**
 * Headers to send: the caller's replace defaults of the same name; a name that the caller gives twice is sent twice, which is what
 * plugins that do so expect. (§2.2, plugin-api §2.3)
 */
export function requestHeaders(
  defaults: readonly HeaderPair[],
  given: readonly HeaderPair[],
): Readonly<Record<string, string | readonly string[]>> {
  const headers = new Map<string, { readonly name: string; readonly values: readonly string[] }>();
  for (const { name, value } of given) {
    check(name, value);
    const key = name.toLowerCase();
    headers.set(key, { name, values: [...(headers.get(key)?.values ?? []), value] });
  }
  for (const { name, value } of defaults) {
    if (!headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), { name, values: [value] });
  }
  return Object.fromEntries(
    [...headers.values()].map(({ name, values }) => [name, values.length === 1 ? values[0]! : values]),
  );
}

function check(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (error) {
    throw invalid("http-header-invalid", `invalid header ${JSON.stringify(name)}: ${messageOf(error)}`);
  }
}
