import { unlinkSync } from "node:fs";
import { readBoundedSync } from "../files/durable.ts";
import type { Paths } from "../paths.ts";
import type { Setup } from "./conf.ts";
import { hasPostSetup } from "./post-setup.ts";

const LIMIT = 1024 * 1024;

/**
 * The first Setup of a container run need not be a call: where the host has put it into the folder of the sockets before babel is there, it is done
 * before anybody can call, and the file goes to say so. With a hook of the image, which may take minutes, the host calls.
 */
export function firstSetup(paths: Paths): Setup | undefined {
  try {
    const text = readBoundedSync(paths.firstSetup, LIMIT);
    if (text === undefined || hasPostSetup(paths)) return undefined;
    const setup = JSON.parse(text.toString("utf8")) as Partial<Setup>;
    const isWhole = typeof setup.secret === "string" && setup.secret.length >= 16 && setup.node_env && setup.ramdisks;
    return isWhole ? (setup as Setup) : undefined;
  } catch {
    return undefined;
  }
}

export const firstSetupDone = (paths: Paths): void => unlinkSync(paths.firstSetup);
