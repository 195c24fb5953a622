import { smallNumbers } from "../column.ts";

const SEGMENT = 1024 * 1024;
const ROOT = 0;

type Open = { readonly folder: number; readonly prefix: string };

/**
 * A list of paths in which each takes its last component and nine bytes: folders are kept once. Best added in their order, so that what is of one folder
 * comes together.
 */
export class Paths {
  /** Components, each behind a byte that is its length. */
  readonly #text: Buffer[] = [];
  #used = SEGMENT;
  readonly #folderParents = smallNumbers();
  readonly #folderNames = smallNumbers();
  readonly #folders = smallNumbers();
  readonly #names = smallNumbers();
  /** Folders of the path that was added last, the root first. */
  readonly #open: Open[] = [{ folder: ROOT, prefix: "" }];
  /** Folder of the path that was asked for last. */
  #shown: Open = { folder: ROOT, prefix: "" };

  constructor() {
    this.#folderParents.push(ROOT);
    this.#folderNames.push(0);
  }

  get length(): number {
    return this.#names.length;
  }

  /** @param path of components that have at most 255 bytes each, separated by `/` */
  add(path: string): void {
    const cut = path.lastIndexOf("/") + 1;
    this.#folders.push(this.#enter(path.slice(0, cut)));
    this.#names.push(this.#write(path.slice(cut)));
  }

  at(index: number): string {
    const folder = this.#folders.at(index);
    if (folder !== this.#shown.folder) this.#shown = { folder, prefix: this.#prefixOf(folder) };
    return this.#shown.prefix + this.#read(this.#names.at(index));
  }

  #enter(prefix: string): number {
    while (!prefix.startsWith(this.#open.at(-1)!.prefix)) this.#open.pop();
    for (let { prefix: known } = this.#open.at(-1)!; known.length < prefix.length; ) {
      const end = prefix.indexOf("/", known.length);
      const folder = this.#folderNames.length;
      this.#folderParents.push(this.#open.at(-1)!.folder);
      this.#folderNames.push(this.#write(prefix.slice(known.length, end)));
      known = prefix.slice(0, end + 1);
      this.#open.push({ folder, prefix: known });
    }
    return this.#open.at(-1)!.folder;
  }

  #prefixOf(folder: number): string {
    let prefix = "";
    for (let at = folder; at !== ROOT; at = this.#folderParents.at(at)) {
      prefix = `${this.#read(this.#folderNames.at(at))}/${prefix}`;
    }
    return prefix;
  }

  /** @returns where it is */
  #write(component: string): number {
    const length = Buffer.byteLength(component);
    if (this.#used + 1 + length > SEGMENT) {
      this.#text.push(Buffer.allocUnsafeSlow(SEGMENT));
      this.#used = 0;
    }
    const text = this.#text.at(-1)!;
    const at = this.#used;
    text[at] = length;
    text.write(component, at + 1, "utf8");
    this.#used += 1 + length;
    return (this.#text.length - 1) * SEGMENT + at;
  }

  #read(at: number): string {
    const text = this.#text[Math.floor(at / SEGMENT)]!;
    const from = (at % SEGMENT) + 1;
    return text.toString("utf8", from, from + text[from - 1]!);
  }
}
