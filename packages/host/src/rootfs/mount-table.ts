import { readFile, realpath } from "node:fs/promises";

/** One line of /proc/self/mountinfo; paths are unescaped. */
export interface MountEntry {
  /** Folder of the mounted file system that is shown, for bind mounts. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** The device, where there is one. */
  readonly source: string;
  readonly options: ReadonlyMap<string, string>;
}

let reading: Promise<unknown> = Promise.resolve();
let nextText: Promise<string> | undefined;

/** The table as it is now. With hundreds of nodes it takes the kernel a while to write it: who asks before it begins shares what it writes. */
function mountInfo(): Promise<string> {
  nextText ??= reading.then(() => {
    nextText = undefined;
    const text = readFile("/proc/self/mountinfo", "utf8");
    reading = text.catch(() => {});
    return text;
  });
  return nextText;
}

/** All mounts of this process' namespace, oldest first: of several at one point the last is the visible one. */
export async function readMountTable(): Promise<readonly MountEntry[]> {
  const text = await mountInfo();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseEntry);
}

/** Of all mounts those at one point, oldest first. With hundreds of nodes there are thousands of others: only these are taken apart. */
export async function readMountsAt(path: string): Promise<readonly MountEntry[]> {
  const word = ` ${path.replace(/[\s\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`)} `;
  const text = await mountInfo();
  const entries: MountEntry[] = [];
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const end = text.indexOf("\n", at);
    entries.push(parseEntry(text.slice(text.lastIndexOf("\n", at) + 1, end < 0 ? undefined : end)));
  }
  return entries.filter(({ mountPoint }) => mountPoint === path);
}

/** The mount that shows what lies in a folder. */
export async function mountOf(folder: string): Promise<MountEntry | undefined> {
  const path = await realpath(folder);
  const above = (await readMountTable()).filter(
    ({ mountPoint }) => mountPoint === "/" || mountPoint === path || path.startsWith(`${mountPoint}/`),
  );
  // Of several at one place the last is the visible one.
  return above.toSorted((a, b) => a.mountPoint.length - b.mountPoint.length).at(-1);
}

function parseEntry(line: string): MountEntry {
  const [head = "", tail = ""] = line.split(" - ");
  const [, , , root = "", mountPoint = ""] = head.split(" ");
  const [fileSystem = "", source = "", options = ""] = tail.split(" ");
  return {
    root: decodeOctal(root),
    mountPoint: decodeOctal(mountPoint),
    fileSystem,
    source: decodeOctal(source),
    options: new Map(
      options.split(",").map((option) => {
        const equals = option.indexOf("=");
        return equals < 0 ? [option, ""] : [option.slice(0, equals), decodeOctal(option.slice(equals + 1))];
      }),
    ),
  };
}

function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
