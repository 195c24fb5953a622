import { refuse } from "./refusal.ts";

const PATH_BYTES = 4096;
const COMPONENT_BYTES = 255;
/** Babel's own, below the data volume; an archive of them would replace what says whether the data is complete. */
const RESERVED_FOLDER = ".babel_jobs";
const RESERVED_FILE = ".protocol_data.lock";

/**
 * Why a path may not be written to, or undefined: it has to be relative, without NUL, empty, `.` or `..` components, short enough for Linux, and
 * not one of babel's own files. (D4-04)
 */
export function pathFault(path: string): string | undefined {
  if (path === "") return "is empty";
  if (path.startsWith("/")) return "is absolute";
  if (path.includes("\0")) return "contains a NUL byte";
  if (!path.isWellFormed() || path.includes("\u{fffd}")) return "is not valid UTF-8";
  if (Buffer.byteLength(path) > PATH_BYTES) return `has more than ${PATH_BYTES} bytes`;
  const components = path.split("/");
  for (const component of components) {
    if (component === "") return "has an empty component";
    if (component === "." || component === "..") return `has a component '${component}'`;
    if (Buffer.byteLength(component) > COMPONENT_BYTES) return `has a component of more than ${COMPONENT_BYTES} bytes`;
  }
  if (components[0] === RESERVED_FOLDER) return `is below ${RESERVED_FOLDER}, which is babel's own`;
  if (path === RESERVED_FILE) return `is ${RESERVED_FILE}, which is babel's own`;
  return undefined;
}

/** @throws InvalidManifest */
export function checkPath(path: string): void {
  const fault = pathFault(path);
  if (fault !== undefined) refuse(`path ${JSON.stringify(path.slice(0, 200))} ${fault}`);
}

/**
 * Why a link may not be made, or undefined: its target has to be relative and stay below the root of the data, seen from where the link lies.
 * (D5-02)
 */
export function linkFault(path: string, target: string): string | undefined {
  if (target === "") return "has an empty target";
  if (target.startsWith("/")) return "has an absolute target";
  if (target.includes("\0")) return "has a target with a NUL byte";
  if (Buffer.byteLength(target) >= PATH_BYTES) return "has a target that is too long";
  let depth = path.split("/").length - 1;
  for (const component of target.split("/")) {
    if (component === "..") depth -= 1;
    else if (component !== "" && component !== ".") depth += 1;
    if (depth < 0) return "has a target outside of the data";
  }
  return undefined;
}
