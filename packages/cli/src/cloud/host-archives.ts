import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { Client } from "@connectrpc/connect";
import type { Output } from "../output/output.ts";
import { Api } from "./api.ts";
import { expiresSoon, hostLogin } from "./host-login.ts";

/** The archives of the control plane, as this host. Its login is renewed when it ends, which is sooner than a long transfer does. */
export class HostArchives implements Disposable {
  readonly #out: Output;
  #login:
    | { readonly token: string; readonly api: Api; readonly client: Client<typeof ArchiveStoreService> }
    | undefined;

  constructor(out: Output) {
    this.#out = out;
  }

  async service(): Promise<Client<typeof ArchiveStoreService>> {
    return (await this.#current()).client;
  }

  /** One call, named in messages, repeated when that may help. */
  async call<T>(name: string, request: (client: Client<typeof ArchiveStoreService>) => Promise<T>): Promise<T> {
    const { api, client } = await this.#current();
    return api.call(`ArchiveStoreService/${name}`, () => request(client));
  }

  async #current() {
    if (this.#login && !expiresSoon(this.#login.token)) return this.#login;
    const { url, token } = await hostLogin(this.#out);
    this.#login?.api[Symbol.dispose]();
    const api = new Api(this.#out, url, token);
    this.#login = { token, api, client: api.client(ArchiveStoreService) };
    return this.#login;
  }

  [Symbol.dispose](): void {
    this.#login?.api[Symbol.dispose]();
  }
}
