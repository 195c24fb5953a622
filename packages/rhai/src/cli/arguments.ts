import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "./usage-error.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** `parseArgs`, with mistakes as usage errors. */
export function parseArguments<const O extends Options>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (error instanceof TypeError && "code" in error) throw new UsageError(error.message.split(". ")[0]!);
    throw error;
  }
}

/** The only FILE of a verb that takes one. */
export function onlyFile(files: readonly string[]): string {
  const [file] = files;
  if (file === undefined) throw new UsageError("FILE is missing ('-' reads standard input)");
  if (files.length > 1) throw new UsageError(`one FILE is expected, not ${files.length}`);
  return file;
}

export function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`${option} takes a whole number from ${least} on, not '${text}'`);
  }
  return value;
}
