import type { IClientOptions } from "mqtt";

type Protocol = NonNullable<IClientOptions["protocol"]>;

/**
 * Where a broker is, in parts: given a URL, the MQTT library warns about the parser it uses, on every operator's terminal. The API may
 * also name the broker as `host:port` or with a scheme of its own; port 8883 then means TLS (spec host-daemon §1.3).
 */
export function brokerAddress(url: string): Pick<IClientOptions, "protocol" | "host" | "port" | "path"> {
  const known = /^(mqtts?|wss?):\/\//.test(url);
  const bare = url.replace(/^[a-z]+:\/\//, "");
  const { protocol, hostname, port, pathname } = new URL(
    known ? url : `${/:8883\/?$/.test(bare) ? "mqtts" : "mqtt"}://${bare}`,
  );
  return {
    protocol: protocol.slice(0, -1) as Protocol,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(port === "" ? {} : { port: Number(port) }),
    ...(pathname === "" ? {} : { path: pathname }),
  };
}
