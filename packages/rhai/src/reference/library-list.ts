import { type LibraryFunction, libraryFunctions } from "../std/describe.ts";

/** `docs/library.md`: every function that scripts can call, with the types it takes. */
export function libraryReference(): string {
  return `# Standard library

<!-- Generated from the sources by src/reference/main.ts: do not edit. -->

Every function can be called as \`f(x, …)\` and as \`x.f(…)\`. **✎** marks those that change their first argument in place.
Beside these, \`type_of\`, \`is_shared\`, \`is_def_var\`, \`is_def_fn\`, \`eval\`, \`Fn\`, \`call\` and \`curry\` are part of the language.

| function | takes | |
| --- | --- | --- |
${libraryFunctions().map(row).join("\n")}
`;
}

function row({ name, overloads, changes, doc }: LibraryFunction): string {
  const signatures = [...new Set(overloads.map((types) => `\`(${types.join(", ")})\``))].sort();
  return `| \`${name}\`${changes ? " ✎" : ""} | ${signatures.join(" ")} | ${doc.replaceAll("|", "\\|")} |`;
}
