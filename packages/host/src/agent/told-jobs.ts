/** Four times as many as babel takes (spec babel-agent §1.5); characters of a name. */
const mostJobs = 256;
const longestName = 256;

/** Whether another job that a babel tells of, again and again, is one to remember: what answers in its place may make up any number of them. */
export function isRemembered(known: ReadonlySet<string>, name: string): boolean {
  return known.size < mostJobs && name.length <= longestName;
}
