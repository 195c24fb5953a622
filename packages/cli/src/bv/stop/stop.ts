import { setTimeout as delay } from "node:timers/promises";
import type { Call } from "../../command/verb.ts";
import { DaemonClient } from "../../daemon/client.ts";
import { Failure } from "../../failure/failure.ts";
import { infoText } from "../info-text.ts";
import { controlUnit } from "../service-unit.ts";
import { answers } from "../start/start.ts";
import type { StopOptions } from "./verb.ts";

const retryMs = 200;

/** `bv stop` (host-daemon §2.2): also fine when it was not running. */
export async function stopService({ out, options, signal }: Call<StopOptions, []>): Promise<void> {
  const daemon = new DaemonClient(out);
  if (await answers(daemon)) await controlUnit("stop");
  const deadline = Date.now() + options.timeout * 1000;
  while (await answers(daemon)) {
    if (Date.now() > deadline) {
      const info = await daemon.call("GetInfo", {});
      throw new Failure("daemon-refused", `blockvisor service did not stop: ${infoText(info)}`, {
        hint: "was it started by hand, outside systemd? Then end that process",
      });
    }
    await delay(retryMs, undefined, { signal });
  }
  out.line("blockvisor service stopped successfully");
  out.document({ running: false });
}
