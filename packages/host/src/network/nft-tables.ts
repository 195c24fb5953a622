import { isOperationError } from "@blockvisor/image/container";
import { launchTool } from "../launcher/index.ts";

/**
 * Asks the kernel for the names of all tables, and for nothing else: `nft list tables` of Debian reads every rule of every table first, which
 * with hundreds of nodes takes the better part of a second. What changes while it is told is asked for again.
 */
const DUMP = `
  my @families = (undef, "inet", "ip", "arp", undef, "netdev", undef, "bridge", undef, undef, "ip6");
  my ($netlink, $raw, $netfilter, $get_table, $request_dump, $new_table) = (16, 3, 12, 0x0a01, 0x301, 0x0a00);
  my ($error, $done, $torn) = (2, 3, 0x10);
  socket(my $kernel, $netlink, $raw, $netfilter) or die "$!\\n";
  DUMP: for (1 .. 20) {
    my ($again, @tables) = (0);
    send($kernel, pack("LSSLLCCn", 20, $get_table, $request_dump, $_, 0, 0, 0, 0), 0) or die "$!\\n";
    while (sysread($kernel, my $buffer, 1 << 17)) {
      for (my $at = 0; $at + 16 <= length $buffer;) {
        my ($length, $type, $flags) = unpack("LSS", substr($buffer, $at));
        die "the kernel refuses to tell\\n" if $type == $error;
        $again = 1 if $flags & $torn;
        if ($type == $done) {
          next DUMP if $again;
          print map { "$_\\n" } @tables;
          exit 0;
        }
        if ($type == $new_table) {
          # The first attribute is the name, which ends with a NUL.
          my ($family, $size) = (unpack("C", substr($buffer, $at + 16)), unpack("S", substr($buffer, $at + 20)));
          push @tables, ($families[$family] // $family) . " " . substr($buffer, $at + 24, $size - 5);
        }
        $at += ($length + 3) & ~3;
      }
    }
  }
  die "the tables do not stay as they are\\n";`;

/** Names of all tables of the host's own network, e.g. `inet bv_1f…`: what is not there, something else has flushed (DB-6.1). */
export async function presentTables(): Promise<ReadonlySet<string>> {
  try {
    return new Set((await launchTool("perl", [`-e${DUMP}`])).stdout.split("\n").filter((line) => line !== ""));
  } catch (error) {
    if (!isOperationError(error, "tool-missing") && !isOperationError(error, "tool-failed")) throw error;
  }
  const { stdout } = await launchTool("nft", ["list", "tables"]);
  return new Set(stdout.split("\n").flatMap((line) => line.replace(/^table /, "").trim() || []));
}

/** Lines for nft: one transaction in which the old table is gone and the new one there at the same instant; no body: only gone. */
export function replacedTable(table: string, body: readonly string[]): readonly string[] {
  // Adding first makes removing work whether it was there or not.
  const gone = [`add table ${table}`, `delete table ${table}`];
  return body.length === 0 ? gone : [...gone, `table ${table} {`, ...body, "}"];
}
