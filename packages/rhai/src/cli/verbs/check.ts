import { dirname, relative, resolve } from "node:path";
import { checkText } from "../../check/check.ts";
import type { ModuleLookup } from "../../check/options.ts";
import { RULES, type RuleCode } from "../../check/rules.ts";
import type { Diagnostic } from "../../errors/diagnostic.ts";
import { Source } from "../../errors/position.ts";
import { FileModuleResolver } from "../../node/file-resolver.ts";
import { parseAll } from "../../parse/parse.ts";
import { parseArguments } from "../arguments.ts";
import { readScript, scriptFiles, withoutShebang } from "../files.ts";
import { readHostNames } from "../known-functions.ts";
import { renderDiagnostic, write } from "../output.ts";
import { UsageError } from "../usage-error.ts";
import type { Verb } from "../verb.ts";

interface Finding {
  readonly source: Source;
  readonly diagnostic: Diagnostic;
}

export const check: Verb = {
  usage: "rhai check [--format text|json] [--functions FILE] [--entry NAME]… [--off RULE]… [--strict] FILE…",
  about: "report every mistake that can be found without running the scripts",
  options: [
    ["--format text|json", "for people (default), or one JSON array"],
    ["--functions FILE", 'JSON with what the host adds: { "functions": { "run_sh": [1, 2] }, "globals": ["NAME"] }'],
    ["--entry NAME", "a function that the host calls; reports every other function that nothing reaches (repeatable)"],
    ["--off RULE", `leave a rule out (repeatable): ${Object.keys(RULES).join(", ")}`],
    ["--strict", "exit with 1 for warnings too, not only for errors"],
    ["FILE", "a script, a folder (every *.rhai below), or - for standard input"],
  ],
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      format: { type: "string", default: "text" },
      functions: { type: "string" },
      entry: { type: "string", multiple: true },
      off: { type: "string", multiple: true, default: [] },
      strict: { type: "boolean", default: false },
    });
    if (values.format !== "text" && values.format !== "json")
      throw new UsageError(`--format is text or json, not '${values.format}'`);
    if (positionals.length === 0) throw new UsageError("FILE is missing ('-' reads standard input)");
    const options = {
      ...(values.functions === undefined ? {} : readHostNames(values.functions)),
      ...(values.entry === undefined ? {} : { entryPoints: values.entry }),
      off: values.off.map(ruleCode),
    };
    const found: Finding[] = [];
    for (const file of scriptFiles(positionals)) {
      const source = new Source(withoutShebang(readScript(file)), file);
      const modules = moduleLookup();
      for (const diagnostic of checkText(source.text, { ...options, modules }, shown(file)))
        found.push({ source, diagnostic });
    }
    await write(values.format === "json" ? `${JSON.stringify(found.map(toJson), null, 2)}\n` : toText(found));
    return found.some(
      ({ diagnostic: { severity } }) => severity === "error" || (values.strict && severity === "warning"),
    )
      ? 1
      : 0;
  },
};

function ruleCode(name: string): RuleCode {
  if (!Object.hasOwn(RULES, name)) throw new UsageError(`there is no rule '${name}'; see rhai check --help`);
  return name as RuleCode;
}

/** One name per file, however it was written. */
function shown(file: string): string {
  return relative(".", resolve(file));
}

/** Modules as `import` finds them, each parsed once. One with syntax errors counts for what can be read of it. */
function moduleLookup(): ModuleLookup {
  const resolver = new FileModuleResolver();
  const parsed = new Map<string, ReturnType<ModuleLookup>>();
  return (path, importer) => {
    const id = resolve(importer);
    const key = `${dirname(id)}\0${path}`;
    let module = parsed.get(key);
    if (module === undefined) {
      const found = resolver.resolve(path, { id });
      module = found === null ? null : { name: shown(found.id), program: parseAll(found.text).program };
      parsed.set(key, module);
    }
    return module;
  };
}

function toJson({ source, diagnostic }: Finding) {
  const { severity, code, message, hint, start, end } = diagnostic;
  return {
    file: source.name,
    code,
    severity,
    message,
    start: source.position(start),
    end: source.position(end),
    ...(hint === undefined ? {} : { hint }),
  };
}

function toText(found: readonly Finding[]): string {
  const count = (severity: Diagnostic["severity"]) =>
    found.filter(({ diagnostic }) => diagnostic.severity === severity).length;
  const plural = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const rendered = found.map(({ source, diagnostic }) => `${renderDiagnostic(source, diagnostic)}\n\n`);
  if (found.length === 0) return "no findings\n";
  return `${rendered.join("")}${plural(count("error"), "error")}, ${plural(count("warning"), "warning")}\n`;
}
