import type { Call } from "../../command/verb.ts";
import { DaemonClient } from "../../daemon/client.ts";
import { Failure } from "../../failure/failure.ts";
import { infoDocument, infoText } from "../info-text.ts";

/** `bv status`: exit code 0 whether it runs or not (host-daemon §2.2). */
export async function serviceStatus({ out }: Call<object, []>): Promise<void> {
  try {
    const info = await new DaemonClient(out).call("GetInfo", {});
    out.line(`Service running: ${infoText(info)}`);
    out.document(infoDocument(info));
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== "daemon-unreachable") throw error;
    out.line("Service stopped");
    out.document({ running: false });
  }
}
