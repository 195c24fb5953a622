import assert from "node:assert/strict";
import { type ErrorDetail, ErrorDetailSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import { ConnectError } from "@connectrpc/connect";

/** What the daemon says about an operation that has to fail. */
export async function failureOf(work: Promise<unknown>): Promise<ErrorDetail> {
  try {
    await work;
  } catch (error) {
    const [detail] = ConnectError.from(error).findDetails(ErrorDetailSchema);
    assert.ok(detail, `an error without detail: ${error}`);
    return detail;
  }
  assert.fail("no error");
}
