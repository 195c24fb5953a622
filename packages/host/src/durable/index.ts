export { appendDurable, readRecords } from "./append-log.ts";
export { keepBallast } from "./ballast.ts";
export { cutPoint, failpoint } from "./failpoint.ts";
export { readOrSetAside } from "./read-or-set-aside.ts";
export { parseVersioned, readVersioned } from "./read-versioned.ts";
export { removeDurable, syncDirectory, writeDurable, writeForThisBoot, writeInMemory } from "./write-durable.ts";
