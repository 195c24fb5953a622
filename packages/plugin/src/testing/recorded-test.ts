import { PluginError } from "../plugin-error.ts";
import { callRecorded } from "../recording/record-plugin.ts";
import type { RecordedFunction, Recording } from "../recording/recording.ts";
import { replay } from "./replay.ts";
import { type TestFailure, type TestSubject, violationFailure } from "./run-test.ts";
import { TestHost } from "./test-host.ts";

const LIMIT_MS = 5_000;

/**
 * Every function that a live node answered well (spec plugin-api.md §9.2) ends with a result of its type where it is answered so again, and asks
 * nothing else. Undefined: it passed.
 */
export async function runRecorded(subject: TestSubject, recording: Recording): Promise<TestFailure | undefined> {
  for (const one of recording.functions) {
    if (one.error !== undefined || one.left_out !== undefined) continue;
    const failure = await playAgain(subject, recording, one);
    if (failure) return { ...failure, message: `${one.function}() as recorded: ${failure.message}` };
  }
  return undefined;
}

async function playAgain(
  { plugin, pluginFiles, target, templates }: TestSubject,
  recording: Recording,
  one: RecordedFunction,
): Promise<TestFailure | undefined> {
  const host = new TestHost(target, undefined, templates);
  replay(host, recording, [one]);
  try {
    await callRecorded(plugin, one.function, one.param ?? "", host, { timeoutMs: LIMIT_MS, signal: host.signal });
    return undefined;
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    if (host.violation) return violationFailure(host.violation, error, host, pluginFiles);
    return { message: error.message, diagnostics: error.diagnostics };
  }
}
