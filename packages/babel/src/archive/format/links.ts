const PATH_LENGTH = 4096;
/** Linux follows forty; other readers resolve paths themselves. */
const MOST_FOLLOWED = 255;
/** Characters of paths that are looked at for all links together: a million usual ones need a fifth of it. */
const WORK = 2e9;

/** Where the links of an archive lead, each of them maybe through others: `..` behind a link is seen from where that one leads. (D5-02) */
export class Links {
  readonly #targets = new Map<string, string>();
  #work = WORK;

  /** @param target relative, see `linkFault`; of a path that comes again the last one counts */
  add(path: string, target: string): void {
    this.#targets.set(path, target);
  }

  [Symbol.iterator](): IterableIterator<[path: string, target: string]> {
    return this.#targets.entries();
  }

  /** Why a link may not be made, or undefined, when all of them are known. */
  fault(path: string): string | undefined {
    const rest = (this.#targets.get(path) ?? "").split("/").reverse();
    let at = folderOf(path);
    for (let followed = 0; rest.length > 0; ) {
      const component = rest.pop()!;
      if (component === "" || component === ".") continue;
      if (component === "..") {
        if (at === "") return "leads outside of the data, through other links";
        at = folderOf(at);
        continue;
      }
      at = at === "" ? component : `${at}/${component}`;
      this.#work -= at.length;
      if (at.length > PATH_LENGTH || this.#work < 0) return "leads too far, through other links";
      const target = this.#targets.get(at);
      if (target === undefined) continue;
      followed += 1;
      if (followed > MOST_FOLLOWED) return `leads in a circle, or through more than ${MOST_FOLLOWED} other links`;
      at = folderOf(at);
      rest.push(...target.split("/").reverse());
    }
    return undefined;
  }
}

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
