import type { Diagnostic, Severity } from "./diagnostic.ts";

const COMMANDS: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", info: "notice" };

/** Findings as commands of a GitHub workflow, which shows them at their lines of a change. */
export function githubCommands(diagnostics: readonly Diagnostic[]): string {
  const lines = diagnostics.map(({ code, severity, message, help, file, range }) => {
    const properties = [
      ["file", file],
      ["line", range?.start.line],
      ["col", range?.start.column],
      ["endLine", range?.end.line],
      ["title", code],
    ].flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${escaped(String(value), /[%\r\n:,]/g)}`]));
    const text = help === undefined ? message : `${message}\n${help}`;
    return `::${COMMANDS[severity]} ${properties.join(",")}::${escaped(text, /[%\r\n]/g)}\n`;
  });
  return [...new Set(lines)].join("");
}

function escaped(text: string, special: RegExp): string {
  return text.replaceAll(special, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
