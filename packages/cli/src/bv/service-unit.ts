import { Failure } from "../failure/failure.ts";
import { runTool } from "../process/run-tool.ts";

const unit = "blockvisor.service";

/** `systemctl start` or `stop` of the daemon's unit (host-daemon §1.10). */
export async function controlUnit(action: "start" | "stop"): Promise<void> {
  const { status, tail } = await runTool("systemctl", [action, unit], {
    missing: "there is no systemd here; run blockvisord itself instead, in the foreground: `blockvisord`",
  });
  if (status === 0) return;
  throw new Failure("daemon-unreachable", `systemctl ${action} ${unit} failed`, {
    excerpt: tail,
    hint: "`systemctl status blockvisor` and `journalctl -u blockvisor -fn 50` show more",
  });
}
