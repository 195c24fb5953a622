import type { IClientOptions } from "mqtt";

type Address = Pick<IClientOptions, "protocol" | "host" | "port" | "path" | "username" | "password">;

/** A broker's URL in parts: given the URL itself, the MQTT library warns about the parser it uses, on every operator's terminal. */
export function brokerAddress(url: string): Address {
  const { protocol, hostname, port, pathname, username, password } = new URL(url);
  return {
    protocol: protocol.slice(0, -1) as NonNullable<Address["protocol"]>,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(port === "" ? {} : { port: Number(port) }),
    ...(pathname === "" ? {} : { path: pathname }),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
}
