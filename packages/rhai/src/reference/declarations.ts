import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** One exported name: what it is for and what it looks like. */
export interface Declaration {
  readonly name: string;
  readonly about: string;
  readonly code: string;
}

const OPTIONS =
  "--declaration --emitDeclarationOnly --target es2024 --module nodenext --strict --exactOptionalPropertyTypes --allowImportingTsExtensions --rewriteRelativeImportExtensions --erasableSyntaxOnly --verbatimModuleSyntax --skipLibCheck --types node";

/** Declarations of every source file that the entries reach, by file without extension, as the TypeScript compiler writes them. */
export function declarationsOf(
  source: string,
  entries: readonly string[],
): ReadonlyMap<string, readonly Declaration[]> {
  const folder = mkdtempSync(join(tmpdir(), "rhai-reference-"));
  const compiler = fileURLToPath(new URL("../../../../node_modules/typescript/bin/tsc", import.meta.url));
  try {
    const files = entries.map((entry) => join(source, entry));
    const args = ["--ignoreConfig", ...files, ...OPTIONS.split(" "), "--rootDir", source, "--outDir", folder];
    // Whether the types are right is the business of `./dev lint`; what they look like does not depend on it.
    const { stdout, stderr } = spawnSync(process.execPath, [compiler, ...args], { encoding: "utf8", cwd: source });
    const written = globSync("**/*.d.ts", { cwd: folder });
    if (written.length === 0) throw new Error(`tsc wrote nothing:\n${stdout}${stderr}`);
    return new Map(
      written.map((file) => [
        relative(".", file).replace(/\.d\.ts$/, ""),
        declarations(readFileSync(join(folder, file), "utf8")),
      ]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const START = /^(?:\/\*\*|export |import |declare |interface |type |const |function |class )/;
const NAME = /^export (?:declare )?(?:abstract )?(?:class|interface|function|const|type) (\w+)/;

/** Cuts a declaration file at its top-level statements; overloads of one name come together. */
function declarations(text: string): readonly Declaration[] {
  const found = new Map<string, Declaration>();
  let doc: string[] = [];
  let code: string[] = [];
  const finish = (): void => {
    const name = NAME.exec(code[0] ?? "")?.[1];
    if (name !== undefined) {
      const earlier = found.get(name);
      const written = tidy(code.join("\n"));
      found.set(name, {
        name,
        about: earlier?.about || plain(doc.join("\n")),
        code: earlier === undefined ? written : `${earlier.code}\n${written}`,
      });
    }
    if (code.length > 0) doc = [];
    code = [];
  };
  let inDoc = false;
  for (const line of text.split("\n")) {
    if (!inDoc && START.test(line)) finish();
    if (line.startsWith("/**")) {
      doc = [];
      inDoc = true;
    }
    if (inDoc) {
      doc.push(line);
      if (line.includes("*/")) inDoc = false;
    } else if (line.trim() !== "" && (code.length > 0 || NAME.test(line))) code.push(line);
  }
  finish();
  return [...found.values()];
}

/** Without what readers need not see: `declare`, private members. */
function tidy(code: string): string {
  return code
    .replace(/(?:^ {4}\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^ {4}private (?:readonly )?\w+(?:\([\s\S]*?\))?;\n?/gm, "")
    .replace(/^export (?:declare )?/gm, "")
    .replace(/^( +)/gm, (blanks) => blanks.slice(blanks.length / 2))
    .trim();
}

/** The text of a doc comment without its marks. */
function plain(doc: string): string {
  return doc
    .replace(/^\/\*\*\s?|\s*\*\/$/g, "")
    .replace(/^ \* ?/gm, "")
    .replace(/\{@link (\w+)\}/g, "`$1`")
    .trim();
}
