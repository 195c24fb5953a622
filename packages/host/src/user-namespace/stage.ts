import { lstatSync } from "node:fs";

const PLACES = ["/var/local", "/var/opt", "/usr/local/src", "/srv", "/media", "/mnt"];

/** Two folders to mount on where nobody else sees it. */
export interface Stage {
  readonly root: string;
  readonly rest: string;
}

/**
 * Folders of the machine that everybody may enter: what a container's first process starts from has to be reached with ids that have no rights
 * here. What lies in them is hidden from the command that is run there, so they hold none of `needed`.
 */
export function stageBeside(...needed: readonly string[]): Stage | undefined {
  const [root, rest] = PLACES.filter((place) => {
    const stat = lstatSync(place, { throwIfNoEntry: false });
    return stat?.isDirectory() && !needed.some((path) => path === place || path.startsWith(`${place}/`));
  });
  return root === undefined || rest === undefined ? undefined : { root, rest };
}
