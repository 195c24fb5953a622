import { Failure } from "../failure/failure.ts";
import { runTool } from "../process/run-tool.ts";

const unit = "blockvisor.service";

/** Machines without systemd, containers for example, run the daemon in the foreground. */
const byHand = {
  start: "there is no systemd here; run blockvisord itself instead, in the foreground: `blockvisord`",
  stop: "there is no systemd here; end the process that runs `blockvisord` (Ctrl-C or SIGTERM); its nodes go on running",
} as const;

/** `systemctl start` or `stop` of the daemon's unit (host-daemon §1.10). */
export async function controlUnit(action: "start" | "stop"): Promise<void> {
  const { status, tail } = await runTool("systemctl", [action, unit], {
    missing: byHand[action],
  });
  if (status === 0) return;
  throw new Failure("daemon-unreachable", `systemctl ${action} ${unit} failed`, {
    excerpt: tail,
    hint: hintFor(action, tail),
  });
}

function hintFor(action: "start" | "stop", tail: string): string {
  if (/not been booted with systemd/.test(tail)) return byHand[action];
  if (/not (?:found|loaded)/.test(tail))
    return "the service is not installed here; in a checkout, `./dev setup --service` installs it";
  return "`systemctl status blockvisor` and `journalctl -u blockvisor -fn 50` show more";
}
