import { type Diagnostic, didYouMean } from "@blockvisor/image";
import type { Value } from "@blockvisor/rhai";
import type { PluginConfig } from "../config/model.ts";
import type { ConfigProblem } from "../config/problem.ts";
import { readPluginConfig } from "../config/read.ts";
import { validateConfig } from "../config/validate.ts";
import type { Problem } from "../values/reader.ts";
import type { ConfigFinding, EvaluatedConfig } from "../worker/protocol.ts";
import type { Script } from "../worker/script.ts";
import { locateInConfig } from "./locate.ts";

/** The value of `plugin_config()` does not convert. */
export class ConfigError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  constructor(message: string, diagnostics: readonly Diagnostic[]) {
    super(message);
    this.diagnostics = diagnostics;
  }
}

/** Converts and validates; everything that is wrong with the config gets the place in the script where it is written. Throws `ConfigError`. */
export function evaluatedConfig(script: Script, value: Value): EvaluatedConfig {
  const { config, errors, unknownKeys } = readPluginConfig(value);
  const [first] = errors;
  if (first) {
    const message = `Invalid Rhai script - failed to deserialize plugin_config: ${first.message}`;
    throw new ConfigError(
      message,
      errors.map((problem) => diagnostic(script, conversionProblem(problem))),
    );
  }
  const problems = [...validateConfig(config), ...taskFunctions(config, script), ...unknownKeys.map(unknownKeyProblem)];
  return {
    config,
    findings: problems.map(
      (problem): ConfigFinding => ({ level: problem.level, diagnostic: diagnostic(script, problem) }),
    ),
  };
}

function diagnostic(script: Script, { code, level, path, message, help }: ConfigProblem): Diagnostic {
  const range = locateInConfig(script.main, path);
  return {
    code,
    severity: level === "warning" ? "warning" : "error",
    message: path === "" ? message : `plugin_config ${path}: ${message}`,
    file: script.main.source.name,
    ...(range && { range }),
    ...(path !== "" && { path }),
    ...(help !== undefined && { help }),
  };
}

function conversionProblem({ path, message, help }: Problem): ConfigProblem {
  return {
    code: "NIB505",
    level: "error",
    path,
    message: message.replace(/^Syntax error: /, ""),
    ...(help !== undefined && { help }),
  };
}

function unknownKeyProblem({ path, message, help }: Problem): ConfigProblem {
  const key = /[^.]+$/.exec(path)?.[0] ?? path;
  const meant = didYouMean(key, help?.replace(/^known keys: /, "").split(", ") ?? []);
  return {
    code: "NIB505",
    level: "warning",
    path,
    message,
    ...(help !== undefined && { help: meant === undefined ? help : `did you mean \`${meant}\`?` }),
  };
}

/** A task calls a function of the script that takes at most one parameter, or a built-in one. */
function taskFunctions(config: PluginConfig, script: Script): ConfigProblem[] {
  return (config.scheduled ?? []).flatMap((task, index): ConfigProblem[] => {
    const path = `scheduled[${index}].function`;
    const arities = script.functions.filter((fn) => fn.name === task.function).map((fn) => fn.params.length);
    if (arities.length === 0) {
      if (task.function === "init" || task.function === "upload") return [];
      const meant = didYouMean(
        task.function,
        script.functions.map((fn) => fn.name),
      );
      const help = meant === undefined ? "tasks call functions of main.rhai" : `did you mean ${meant}?`;
      return [{ code: "NIB506", level: "lint", path, message: `there is no function '${task.function}'`, help }];
    }
    if (arities.every((arity) => arity > 1)) {
      return [
        {
          code: "NIB506",
          level: "lint",
          path,
          message: `function '${task.function}' takes ${arities[0]} parameters; a task gives one`,
        },
      ];
    }
    const ignored = (task.param ?? "") !== "" && !arities.includes(1);
    return ignored
      ? [{ code: "NIB506", level: "warning", path, message: `function '${task.function}' ignores the task's param` }]
      : [];
  });
}
