import { OperationError } from "@blockvisor/image/container";

/** Only the old calls have numbers of their own on each architecture. */
const NUMBERS: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: "mount=165,unshare=272,setns=308,exit_group=231,setgroups=116,setresuid=117,setresgid=119,bpf=321,setsid=112,prctl=157,recvmsg=47",
  arm64:
    "mount=40,unshare=97,setns=268,exit_group=94,setgroups=159,setresuid=147,setresgid=149,bpf=280,setsid=157,prctl=167,recvmsg=212",
};
const NEW_NUMBERS = "open_tree=428,move_mount=429,mount_setattr=442";

/** `NAME=NUMBER,…` for programs of perl. Error `tool-missing` on an architecture whose numbers nobody has looked up. */
export function systemCalls(): string {
  const numbers = NUMBERS[process.arch];
  if (numbers !== undefined) return `${numbers},${NEW_NUMBERS}`;
  throw new OperationError("tool-missing", `nobody has looked up the system calls of ${process.arch}`);
}
