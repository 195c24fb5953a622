import { isDeepStrictEqual } from "node:util";
import type { MachineFacts } from "@blockvisor/image/machine";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Api, callApi } from "./api.ts";

/** What a control plane is told of the machine beyond the contract, if it has somewhere to put it (spec host-daemon DB-10.7). */
export class MachineReport {
  readonly #api: Pick<Api, "hostFacts">;
  readonly #hostId: string;
  readonly #look: () => Promise<MachineFacts>;
  /** What it has taken. */
  #told: MachineFacts | undefined;
  /** It does not know of such facts, as the reference does not. */
  #unwanted = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(api: Pick<Api, "hostFacts">, hostId: string, look: () => Promise<MachineFacts>) {
    this.#api = api;
    this.#hostId = hostId;
    this.#look = look;
  }

  /** A new connection may lead to a control plane that wants what the one before did not. */
  connected(): Promise<void> {
    this.#unwanted = false;
    return this.tell("changed");
  }

  /** One after the other. Rejects with HostError. */
  tell(when: "always" | "changed"): Promise<void> {
    this.#turn = this.#turn.catch(() => {}).then(() => this.#tell(when));
    return this.#turn;
  }

  async #tell(when: "always" | "changed"): Promise<void> {
    if (this.#unwanted) return;
    const facts = await this.#look();
    if (when === "changed" && isDeepStrictEqual(facts, this.#told)) return;
    try {
      await callApi(() => this.#api.hostFacts.reportFacts({ hostId: this.#hostId, facts: messageOf(facts) }));
      this.#told = facts;
    } catch (error) {
      if (ConnectError.from((error as Error).cause).code !== Code.Unimplemented) throw error;
      this.#unwanted = true;
    }
  }
}

const messageOf = ({ kernel, runtimes, gpus }: MachineFacts) => ({
  kernel,
  runtimes: [...runtimes],
  gpus: [...gpus],
});
