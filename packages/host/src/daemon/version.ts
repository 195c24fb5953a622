import manifest from "../../package.json" with { type: "json" };

/** Of the daemon, and of the babel it brings along. */
export const version: string = manifest.version;
