import { smallNumbers } from "../column.ts";
import { Paths } from "./paths.ts";

/** The directories of a source with their permission bits, each behind the one that it is in. */
export class SourceDirectories {
  readonly #paths = new Paths();
  readonly #modes = smallNumbers();

  get length(): number {
    return this.#modes.length;
  }

  add(path: string, mode: number): void {
    this.#paths.add(path);
    this.#modes.push(mode);
  }

  isSame(directory: number, path: string, mode: number): boolean {
    return directory < this.length && this.#paths.at(directory) === path && this.#modes.at(directory) === mode;
  }

  *[Symbol.iterator](): Generator<{ readonly path: string; readonly mode: number }, void> {
    for (let directory = 0; directory < this.length; directory += 1) {
      yield { path: this.#paths.at(directory), mode: this.#modes.at(directory) };
    }
  }
}
