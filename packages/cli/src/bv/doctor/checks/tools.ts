import { error, type Finding, ok } from "../finding.ts";
import { isInstalled } from "../trial.ts";

/** Programs that the daemon runs, and the Debian packages they come in. */
const tools: Readonly<Record<string, string>> = {
  ip: "iproute2",
  nft: "nftables",
  nsenter: "util-linux",
  perl: "perl-base",
  umount: "mount",
  tar: "tar",
  cp: "coreutils",
  skopeo: "skopeo",
  umoci: "umoci",
};

export function checkTools(): readonly Finding[] {
  const missing = Object.keys(tools).filter((tool) => !isInstalled(tool));
  if (missing.length === 0) return [ok("tools", `all are installed: ${Object.keys(tools).join(", ")}`)];
  const packages = [...new Set(missing.map((tool) => tools[tool]))].join(" ");
  return [error("tools", `not installed: ${missing.join(", ")}`, `apt-get install ${packages}`)];
}
