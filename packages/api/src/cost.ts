import type { BillingAmount } from "@blockvisor/wire/blockjoy/common/v1/currency";
import type { StoredCost } from "./database/schema.ts";
import { invalidArgument } from "./rpc-error.ts";

/** Prices are only kept and shown: nothing is charged without the billing integration. */
export function storedCost(cost: BillingAmount): string {
  if (cost.amount === undefined || cost.amount.currency === 0 || cost.period === 0) throw invalidArgument("cost");
  return JSON.stringify({
    currency: cost.amount.currency,
    minorUnits: cost.amount.amountMinorUnits.toString(),
    period: cost.period,
  } satisfies StoredCost);
}

export const costMessage = (cost: StoredCost) => ({
  amount: { currency: cost.currency, amountMinorUnits: BigInt(cost.minorUnits) },
  period: cost.period,
});
