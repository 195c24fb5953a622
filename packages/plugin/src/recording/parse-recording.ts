import type { RecordedName, Recording } from "./recording.ts";

/** What the calls of a recording have to have, whoever edited it. */
const ANSWERED: Readonly<Record<RecordedName, readonly (readonly [field: string, type: string])[]>> = {
  run_jrpc: [
    ["host", "string"],
    ["method", "string"],
    ["status", "number"],
  ],
  run_rest: [
    ["method", "string"],
    ["url", "string"],
    ["status", "number"],
  ],
  run_sh: [
    ["script", "string"],
    ["exit_code", "number"],
    ["stdout", "string"],
    ["stderr", "string"],
  ],
  file_read: [["path", "string"]],
  get_secret: [["key", "string"]],
  load_data: [],
  job_info: [
    ["name", "string"],
    ["info", "object"],
  ],
  get_jobs: [["jobs", "object"]],
};

/** Reads what `recordingText` wrote. Errors, plain ones, say what is wrong and where in the document. */
export function parseRecording(text: string): Recording {
  const document: unknown = JSON.parse(text);
  if (!isMap(document)) throw new Error("it is no recording");
  if (document["v"] !== 1) throw new Error(`it is of version ${JSON.stringify(document["v"])}, and only 1 is known`);
  for (const part of ["image", "env", "params"]) require(document, part, "object", part);
  const { functions } = document;
  if (!Array.isArray(functions)) throw new Error("functions: it has to be an array");
  for (const [index, one] of functions.entries()) requireFunction(one, `functions[${index}]`);
  return document as unknown as Recording;
}

function requireFunction(one: unknown, path: string): void {
  if (!isMap(one) || !Array.isArray(one["calls"])) throw new Error(`${path}: it has no calls`);
  require(one, "function", "string", `${path}.function`);
  if (Number.isNaN(Date.parse(String(one["at"])))) throw new Error(`${path}.at: it has to be a time`);
  for (const [index, call] of one["calls"].entries()) requireCall(call, `${path}.calls[${index}]`);
}

function requireCall(call: unknown, path: string): void {
  if (!isMap(call) || !isRecordedName(call["call"])) throw new Error(`${path}: there is no such call`);
  const failed = typeof call["error"] === "string";
  for (const [field, type] of ANSWERED[call["call"]]) {
    // A failure has what was asked, but no answer.
    if (!failed || field in call) require(call, field, type, `${path}.${field}`);
  }
}

function require(map: Readonly<Record<string, unknown>>, field: string, type: string, path: string): void {
  const value = map[field];
  if (type === "object" ? isMap(value) : typeof value === type) return;
  throw new Error(`${path}: it has to be ${type === "object" ? "an object" : `a ${type}`}`);
}

const isRecordedName = (name: unknown): name is RecordedName => Object.hasOwn(ANSWERED, String(name));

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
