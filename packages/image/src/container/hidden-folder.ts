/** $1: the folder. */
const HIDE = `mount -t tmpfs -o size=64k tmpfs "$1"; shift; exec "$@"`;

/** argv of a command that sees an empty folder there: crun refuses to work where it sees both versions of cgroups. */
export function withoutSightOf(
  folder: string,
  command: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", HIDE, "sh", folder, ...command];
}
