import { refuse } from "../format/refusal.ts";
import type { FileRange } from "./chunk-list.ts";
import type { Blueprint } from "./replan.ts";

/**
 * Every byte of every file has to be in exactly one chunk, and every empty file as well: nothing else is ever published, whatever was planned, planned
 * anew, or read back. (D4-05) @throws InvalidManifest
 */
export function checkCoverage({ files, chunks }: Blueprint): void {
  const whole = new Uint8Array(files.length);
  const parts: FileRange[] = [];
  for (let chunk = 0; chunk < chunks.length; chunk += 1) {
    for (const range of chunks.ranges(chunk)) {
      const { file, position, size } = range;
      if (position > 0 || size < files.size(file)) parts.push(range);
      else if (size > files.size(file) || whole[file] === 1) refuse(`file ${shown(files.path(file))} is in it twice`);
      else whole[file] = 1;
    }
  }
  parts.sort((a, b) => a.file - b.file || a.position - b.position);
  for (const [i, { file, position, size }] of parts.entries()) {
    const before = parts[i - 1]?.file === file ? parts[i - 1]! : { position: 0, size: 0 };
    const fits = size > 0 && whole[file] === 0 && position === before.position + before.size;
    if (!fits) refuse(`file ${shown(files.path(file))} has a gap, or comes twice, at byte ${position}`);
    const last = parts[i + 1]?.file !== file;
    if (!last) continue;
    if (position + size !== files.size(file)) refuse(`file ${shown(files.path(file))} ends at byte ${position + size}`);
    whole[file] = 1;
  }
  const missing = whole.indexOf(0);
  if (missing !== -1) refuse(`file ${shown(files.path(missing))} is missing`);
}

const shown = (path: string): string => JSON.stringify(path.slice(0, 200));
