/** What says that a file is what it was: size in bytes, inode, modification and change time in ns. (D5-04) */
export type Identity = {
  readonly size: bigint;
  readonly ino: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
};

/** An identity as one word, in hex. */
export const stampOf = ({ size, ino, mtimeNs, ctimeNs }: Identity): string =>
  [size, ino, mtimeNs, ctimeNs].map((each) => BigInt.asIntN(64, each).toString(16)).join(".");

/** Whether a file has what it had, with more behind it, as far as anybody promised that it is only ever appended to. (§9.6) */
export const hasGrown = (before: Identity, now: Identity): boolean =>
  BigInt.asIntN(64, before.ino) === BigInt.asIntN(64, now.ino) && now.size >= before.size;

export function identityOf(stamp: string): Identity {
  const [size = 0n, ino = 0n, mtimeNs = 0n, ctimeNs = 0n] = stamp.split(".").map(fromHex);
  return { size, ino, mtimeNs, ctimeNs };
}

/** Times before 1970 are negative. @throws SyntaxError */
const fromHex = (text: string): bigint => (text.startsWith("-") ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`));
