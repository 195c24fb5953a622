import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const PER_FOLDER = 1000;

/** Path of the n-th of very many small files, as databases lay them out. */
export function smallFile(file: number): string {
  const number = String(Math.floor(file / PER_FOLDER)).padStart(5, "0");
  const folder = `chaindata/segment-${number.slice(0, 3)}/ancient-${number.slice(3)}`;
  return `${folder}/block-${String(file).padStart(9, "0")}.bin`;
}

export function writeSmallFiles(folder: string, count: number): void {
  for (let file = 0; file < count; file += 1) {
    const path = join(folder, smallFile(file));
    if (file % PER_FOLDER === 0) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `block ${file} `.repeat(5));
  }
}
