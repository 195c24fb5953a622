import { isDeepStrictEqual } from "node:util";
import { sampleNodeEnv } from "../engine/node-env.ts";
import type { HttpResponse } from "../engine/port.ts";
import type { Recording } from "../recording/recording.ts";
import { fits, type Outcome } from "./answers.ts";
import type { RealShell } from "./real-shell.ts";
import { replay } from "./replay.ts";
import { isMap, patternOf, type ScriptArguments } from "./script-arguments.ts";
import type { ShAnswer, TestHost } from "./test-host.ts";

const ANY_TEXT = { kind: "any", text: "" } as const;

/** By their names. */
export type Recordings = Readonly<Record<string, Recording>>;

/** What a call of a test does; its result becomes a script value. */
export type Command = (given: ScriptArguments) => unknown;

const ENV_KEYS = Object.keys(sampleNodeEnv({ version: "", protocol: "", variant: "" }));

/** `host.…`: what the node is and how the world answers (spec plugin-api.md §9.2). */
export function hostCommands(
  host: TestHost,
  recordings: Recordings = {},
  openShell?: () => Promise<RealShell>,
): Readonly<Record<string, Command>> {
  return {
    "host.sh_real": async (given) => {
      if (given.value(0) === false) {
        host.realShell = undefined;
        return;
      }
      const commands = given.value(0) === true ? ANY_TEXT : given.pattern(0);
      if (openShell === undefined) return given.refuse("commands of the plugin are run only with --sh-real");
      host.realShell = { shell: await openShell(), commands };
    },
    "host.replay": (given) => {
      const { variant } = host.image;
      const name = given.length > 0 ? given.text(0) : variant;
      const recording = Object.hasOwn(recordings, name) ? recordings[name] : undefined;
      if (recording === undefined) {
        const known = Object.keys(recordings).join(", ") || "none";
        return given.refuse(`there is no tests/fixtures/${name}.json; there is ${known}`);
      }
      const fn = given.length > 1 ? given.text(1) : undefined;
      const functions = recording.functions.filter((one) => fn === undefined || one.function === fn);
      if (functions.length === 0) return given.refuse(`tests/fixtures/${name}.json has no ${fn}()`);
      replay(host, recording, functions);
    },
    "host.env": (given) => {
      const env = given.map(0);
      given.requireKeys(env, ENV_KEYS);
      const known: Readonly<Record<string, unknown>> = { ...host.env };
      const wrong = Object.keys(env).find((key) => typeof env[key] !== typeof known[key]);
      if (wrong !== undefined) given.refuse(`'${wrong}' has to be a ${typeof known[wrong]}`);
      host.env = { ...host.env, ...env };
    },
    "host.params": (given) => {
      host.params = { ...host.params, ...given.texts(0) };
    },
    "host.dev": (given) => {
      host.env = { ...host.env, dev_mode: given.value(0) === true };
    },
    "host.data_stamp": (given) => {
      host.dataStamp = momentOf(given);
    },
    "host.archive": (given) => {
      host.archive = given.value(0) === true;
    },
    "host.archives": (given) => {
      const archives = Object.entries(given.map(0)).map(([key, there]) => [key, there === true] as const);
      host.archive = false;
      host.archives = Object.fromEntries(archives);
    },
    ...shellCommands(host),
    ...httpCommands(host),
    "host.file": (given) => void host.files.set(given.text(0), Buffer.from(given.text(1))),
    "host.no_file": (given) => void host.files.set(given.text(0), undefined),
    "host.read": (given) => {
      const content = host.files.get(given.text(0));
      return content === undefined
        ? given.refuse(`there is no file ${given.text(0)}`)
        : Buffer.from(content).toString();
    },
    "host.template": (given) => void host.templates.set(given.text(0), given.text(1)),
    "host.rendered": (given) => {
      const rendered = host.rendered.get(given.text(0));
      if (rendered === undefined) return given.refuse(`nothing was rendered to ${given.text(0)}`);
      const text = host.files.get(given.text(0));
      return {
        template: rendered.template,
        params: JSON.parse(rendered.params),
        ...(text !== undefined && { text: Buffer.from(text).toString() }),
      };
    },
    "host.secret": (given) => void host.secrets.set(given.text(0), Buffer.from(given.text(1))),
    "host.no_secret": (given) => void host.secrets.set(given.text(0), undefined),
    "host.data": (given) => {
      if (given.length > 0) host.data.set(undefined, given.text(0));
      return host.data.get(undefined);
    },
    "host.slot": (given) => {
      if (given.length > 1) host.data.set(given.text(0), given.text(1));
      return host.data.get(given.text(0));
    },
    "host.log": () => host.logLines,
  };
}

/** RFC 3339, Unix seconds, or `()` for never. */
function momentOf(given: ScriptArguments): Date | undefined {
  const value = given.value(0);
  if (value === null) return undefined;
  const at = new Date(typeof value === "number" ? value * 1000 : String(value));
  return Number.isNaN(at.getTime()) ? given.refuse("it is no time: give RFC 3339 or Unix seconds") : at;
}

function shellCommands(host: TestHost): Readonly<Record<string, Command>> {
  return {
    "host.sh": (given) => {
      const pattern = given.pattern(0);
      const more = given.map(2);
      given.requireKeys(more, SH_KEYS);
      const outcomes = (given.list(1) ?? [given.value(1)]).map((one) => shOutcome(given, one, more));
      host.sh.add({ applies: ({ body }) => fits(pattern, body), outcomes });
    },
    "host.sh_fail": (given) => {
      const pattern = given.pattern(0);
      host.sh.add({ applies: ({ body }) => fits(pattern, body), outcomes: [{ kind: "fail", message: given.text(1) }] });
    },
  };
}

const SH_KEYS = ["exit_code", "stdout", "stderr", "delay"];

/** What it prints, or a MAP with what it prints and how it ends. */
function shOutcome(given: ScriptArguments, one: unknown, more: Readonly<Record<string, unknown>>): Outcome<ShAnswer> {
  if (typeof one !== "string" && !isMap(one))
    return given.refuse("say what it prints: a text, a map, or a list of them");
  const all = typeof one === "string" ? { stdout: one, ...more } : one;
  given.requireKeys(all, SH_KEYS);
  const { exit_code: exitCode = 0, stdout = "", stderr = "", delay = 0 } = all as Record<string, unknown>;
  const delayMs = Number(delay) * 1000;
  if (!(delayMs >= 0)) return given.refuse("`delay` has to be seconds");
  const response = { exitCode: Number(exitCode), stdout: String(stdout), stderr: String(stderr) };
  return { kind: "answer", answer: { response, delayMs } };
}

function httpCommands(host: TestHost): Readonly<Record<string, Command>> {
  const jrpc = (given: ScriptArguments, outcomes: readonly Outcome<HttpResponse>[], where = given.map(2)): void => {
    const method = given.pattern(0);
    given.requireKeys(where, ["host", "params", "headers"]);
    const hostPattern = patternOf(where["host"]);
    host.jrpc.add({
      applies: (request) =>
        fits(method, request.method) &&
        (hostPattern === undefined || fits(hostPattern, request.host)) &&
        (where["params"] === undefined || isDeepStrictEqual(where["params"], parsed(request.params))) &&
        hasHeaders(request.headers, where["headers"]),
      outcomes,
    });
  };
  const rest = (given: ScriptArguments, outcomes: readonly Outcome<HttpResponse>[], where = given.map(3)): void => {
    const address = given.address(0);
    given.requireKeys(where, ["method", "body", "headers"]);
    const body = patternOf(where["body"]);
    host.rest.add({
      applies: (request) =>
        fits(address, request.url) &&
        (where["method"] === undefined || where["method"] === request.method) &&
        (body === undefined || fits(body, request.body ?? "")) &&
        hasHeaders(request.headers, where["headers"]),
      outcomes,
    });
  };
  return {
    "host.jrpc": (given) => {
      const answers = given.list(1)?.map((one) => JSON.stringify(one)) ?? [given.json(1)];
      jrpc(
        given,
        answers.map((json) => answered(200, jrpcBody(json))),
      );
    },
    "host.jrpc_status": (given) =>
      jrpc(given, [answered(given.number(1, 500), given.length > 2 ? bodyOf(given.json(2)) : "")], {}),
    "host.jrpc_fail": (given) => jrpc(given, [{ kind: "fail", message: given.text(1) }], {}),
    "host.rest": (given) => {
      const several = given.length === 2 ? given.list(1) : undefined;
      if (several === undefined) return rest(given, [answered(given.number(1, 200), bodyOf(given.json(2)))]);
      const outcomes = several.map((one) => {
        if (!Array.isArray(one) || one.length !== 2) return given.refuse("give a list of [status, body]");
        return answered(Number(one[0]), bodyOf(JSON.stringify(one[1])));
      });
      rest(given, outcomes, {});
    },
    "host.rest_fail": (given) => rest(given, [{ kind: "fail", message: given.text(1) }], {}),
  };
}

function answered(statusCode: number, body: string): Outcome<HttpResponse> {
  return { kind: "answer", answer: { statusCode, body } };
}

/** A text is a body as it is, everything else its JSON. */
function bodyOf(json: string): string {
  const value: unknown = JSON.parse(json);
  return typeof value === "string" ? value : json;
}

/** `#{result: …}` with what every response has around it. */
function jrpcBody(json: string): string {
  const body = bodyOf(json);
  return body === json && json.startsWith("{")
    ? `{"jsonrpc":"2.0","id":0${json === "{}" ? "" : ","}${json.slice(1)}`
    : body;
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}

function hasHeaders(actual: readonly (readonly [string, string])[], expected: unknown): boolean {
  if (!isMap(expected)) return true;
  return Object.entries(expected).every(([name, value]) => {
    const pattern = patternOf(value) ?? String(value);
    return actual.some(([key, text]) => key.toLowerCase() === name.toLowerCase() && fits(pattern, text));
  });
}
