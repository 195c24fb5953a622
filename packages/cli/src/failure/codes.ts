/** The programs of this package; each prints codes with its own prefix and has its own exit codes. */
export type ProgramName = "nib" | "bv" | "bvup";

interface FailureKind {
  /** The number of the code, the same for every program; it never changes meaning. */
  readonly number: number;
  /** Exit code where it is not 1: `nib` per nib-and-images §1.2, `bv` per host-daemon DB-2.2. */
  readonly exit?: Partial<Readonly<Record<ProgramName, number>>>;
  readonly meaning: string;
}

/**
 * Every way a command of `nib`, `bv` or `bvup` can fail, apart from findings about a file (whose codes belong to the
 * linter that makes them). `docs/errors.md` is tested against this table.
 */
export const failureKinds = {
  usage: { number: 1, exit: { nib: 2, bv: 2, bvup: 2 }, meaning: "the command line is wrong" },
  internal: { number: 2, meaning: "a bug in the program" },
  interrupted: { number: 3, exit: { nib: 130, bv: 130, bvup: 130 }, meaning: "stopped by Ctrl-C or a signal" },
  "file-unreadable": { number: 4, meaning: "a file cannot be read" },
  "file-unwritable": { number: 5, meaning: "a file cannot be written" },
  "would-overwrite": { number: 6, meaning: "files are there already" },
  "not-a-terminal": { number: 7, meaning: "a question cannot be asked because there is no terminal" },

  "variant-unknown": { number: 230, meaning: "the file has no such variant" },
  "variant-ambiguous": { number: 231, meaning: "the file has several variants and none was chosen" },
  "invalid-metadata": { number: 232, exit: { nib: 3 }, meaning: "babel.yaml or protocols.yaml has errors" },
  "invalid-properties": { number: 233, exit: { nib: 2 }, meaning: "--props, --env or --secrets cannot be used" },
  "check-failed": { number: 300, exit: { nib: 3 }, meaning: "a check found something" },

  "not-logged-in": { number: 401, exit: { nib: 4, bv: 1 }, meaning: "no valid login for the API" },
  "permission-denied": { number: 403, exit: { nib: 4 }, meaning: "the API does not allow it to this user" },
  "api-not-found": { number: 404, exit: { bv: 3 }, meaning: "the API does not have it" },
  "api-conflict": { number: 409, meaning: "the API has it already, in another form" },
  "api-refused": { number: 410, meaning: "the API refused the request" },
  "version-metadata": { number: 412, meaning: "metadata of an existing version changed without a version bump" },
  "api-unreachable": { number: 420, exit: { bv: 6 }, meaning: "the API does not answer" },

  "plugin-unloadable": { number: 510, exit: { nib: 3 }, meaning: "the plugin cannot be evaluated" },

  "daemon-unreachable": { number: 901, exit: { nib: 5, bv: 4 }, meaning: "blockvisord does not answer" },
  "daemon-refused": { number: 902, meaning: "blockvisord refused the request" },
  "node-not-found": { number: 903, exit: { bv: 3 }, meaning: "there is no such node, job or function" },
  "node-ambiguous": { number: 904, exit: { bv: 2, nib: 2 }, meaning: "several nodes fit the name" },
  "node-busy": { number: 905, exit: { bv: 5 }, meaning: "the node or the daemon is busy" },
  "not-registered": { number: 906, meaning: "this machine is not registered" },
  "job-failed": { number: 907, meaning: "the job that was followed has failed" },
  "daemon-version": { number: 908, meaning: "blockvisord is of another version" },
  "no-builder": { number: 910, meaning: "no container builder is installed or answers" },
  "build-failed": { number: 911, meaning: "the container build failed" },
  "image-unavailable": { number: 912, meaning: "the container image cannot be read" },
  "tool-missing": { number: 914, meaning: "a program that is needed is not installed" },
  "network-undetected": { number: 915, meaning: "the machine's network cannot be detected" },
  "already-registered": { number: 916, meaning: "this machine is registered already" },
  "archive-damaged": { number: 920, exit: { bv: 3 }, meaning: "data is not what its archive says" },
  "archive-failed": { number: 921, meaning: "an archive could not be fetched, repaired or pushed" },
} as const satisfies Readonly<Record<string, FailureKind>>;

export type FailureName = keyof typeof failureKinds;

/** The code as it is printed, for example `NIB901`. */
export function failureCode(program: ProgramName, name: FailureName): string {
  return `${program.toUpperCase()}${String(failureKinds[name].number).padStart(3, "0")}`;
}

export function failureExit(program: ProgramName, name: FailureName): number {
  const kind: FailureKind = failureKinds[name];
  return kind.exit?.[program] ?? 1;
}
