import { constants } from "node:os";

/** Names of the job config that Linux has no signal of its own for. (§3.1) */
const ALIASES: Readonly<Record<string, NodeJS.Signals>> = {
  SIGCLD: "SIGCHLD",
  SIGEMT: "SIGTRAP",
  SIGINFO: "SIGPWR",
  SIGIOT: "SIGABRT",
  SIGPOLL: "SIGIO",
  SIGUNUSED: "SIGSYS",
};

const NAMES: readonly string[] = [
  ..."ABRT ALRM BUS CHLD CLD CONT EMT FPE HUP ILL INFO INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STOP TSTP".split(
    " ",
  ),
  ..."SYS TERM TRAP TTIN TTOU UNUSED URG USR1 USR2 VTALRM XCPU XFSZ WINCH".split(" "),
].map((name) => `SIG${name}`);

const isSignal = (name: string): name is NodeJS.Signals => Object.hasOwn(constants.signals, name);

/** The Linux signal a job config means, or undefined if there is no such name. */
export function signalNamed(name: string): NodeJS.Signals | undefined {
  if (!NAMES.includes(name)) return undefined;
  const known = ALIASES[name] ?? name;
  return isSignal(known) ? known : undefined;
}

/** `SIGKILL` for 9. */
export function signalName(number: number): string {
  const preferred = ["SIGABRT", "SIGIO", "SIGSYS", "SIGCHLD"];
  const names = Object.entries(constants.signals).filter(([, value]) => value === number);
  return names.find(([name]) => preferred.includes(name))?.[0] ?? names[0]?.[0] ?? `signal ${number}`;
}

export const signalNumber = (signal: NodeJS.Signals): number => constants.signals[signal];
