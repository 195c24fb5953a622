import { readFile } from "node:fs/promises";
import { z } from "zod";
import { readVersioned, writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";

/** All that a plugin keeps without a slot, and all of its slots together, have so many bytes at most (spec plugin-api §8). */
const maxBytes = 1024 * 1024;
const slotName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const slotsFormat = { version: 1, schema: z.object({ slots: z.record(z.string(), z.string()) }) };

/**
 * What the plugin of one node keeps: a text, as in the reference, and texts by name beside it. They survive upgrades, and go with the node.
 * Changes follow one another, also those of scripts that run at the same time; each is durable when it resolves.
 */
export class PluginData {
  readonly #path: string;
  #last: Promise<unknown> = Promise.resolve();

  /** @param path of the text without a name; slots lie beside it */
  constructor(path: string) {
    this.#path = path;
  }

  async load(slot: string | undefined): Promise<string | undefined> {
    if (slot === undefined) return readText(this.#path);
    return ownValue(await this.#slots(), checked(slot, "load_data"));
  }

  save(slot: string | undefined, text: string): Promise<void> {
    return this.#inTurn(async () => {
      if (slot !== undefined) return this.#write(await this.#slots(), checked(slot, "save_data"), text, "save_data");
      requireRoom(text, "save_data");
      await writeDurable(this.#path, text);
    });
  }

  /** Saves only if the slot still has `expected`; undefined = nothing was saved there. Resolves with whether it did. */
  swap(slot: string, expected: string | undefined, text: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const slots = await this.#slots();
      if (ownValue(slots, checked(slot, "swap_data")) !== expected) return false;
      await this.#write(slots, slot, text, "swap_data");
      return true;
    });
  }

  async #write(slots: Readonly<Record<string, string>>, slot: string, text: string, what: string): Promise<void> {
    const all = JSON.stringify({ schema_version: slotsFormat.version, slots: { ...slots, [slot]: text } });
    requireRoom(all, what);
    await writeDurable(this.#slotsPath, all);
  }

  async #slots(): Promise<Readonly<Record<string, string>>> {
    return (await readVersioned(this.#slotsPath, slotsFormat))?.slots ?? {};
  }

  get #slotsPath(): string {
    return `${this.#path}.slots.json`;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

const ownValue = (slots: Readonly<Record<string, string>>, slot: string): string | undefined =>
  Object.hasOwn(slots, slot) ? slots[slot] : undefined;

function checked(slot: string, what: string): string {
  if (slotName.test(slot)) return slot;
  throw new HostError("invalid", `${what}: invalid name of a slot: ${JSON.stringify(slot.slice(0, 100))}`, {
    hint: "use 1 to 64 letters, digits, `_`, `.` or `-`, beginning with a letter or digit",
  });
}

function requireRoom(text: string, what: string): void {
  if (Buffer.byteLength(text) <= maxBytes) return;
  throw new HostError("invalid", `${what}: the text is larger than ${maxBytes} bytes`);
}

function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
