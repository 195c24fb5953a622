/** What `bvup` can be told (host-daemon §8.2). */
export interface BvupOptions {
  readonly region?: string;
  readonly api?: string;
  readonly ifa: string;
  readonly gatewayIp?: string;
  readonly hostIp?: string;
  readonly netPrefix?: number;
  readonly net_prefix?: number;
  readonly availableIps?: string;
  readonly privateNetwork?: string | true;
  readonly ipv6?: string | true;
  readonly port: number;
  readonly update: number;
  readonly tag?: readonly string[];
  readonly skipInit?: true;
  readonly skipDownload?: true;
  readonly private?: true;
  readonly useHostNetwork?: true;
  readonly force?: true;
  readonly insecure?: true;
  readonly yes?: true;
}
