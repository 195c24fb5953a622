import type { PluginConfig, Service } from "./model.ts";

/* Which services take part in multi-client archives (spec plugin-api.md §3.5). */

/** True when the data of services are archived one by one; otherwise the image has a single archive or none. */
export function isMultiClient(config: PluginConfig): boolean {
  return config.services.some((service) => service.archive && service.store_key !== null);
}

/** Not filtered by `archive`: a service can be download-only. */
export function downloadServices(config: PluginConfig): (Service & { readonly store_key: string })[] {
  return config.services.filter((service) => service.use_protocol_data).filter(hasStoreKey);
}

export function uploadServices(config: PluginConfig): (Service & { readonly store_key: string })[] {
  return downloadServices(config).filter((service) => service.archive);
}

/** Directory of a service's data, relative to the protocol data path. */
export function dataDirectory(service: Service): string {
  return service.data_dir ?? service.name;
}

function hasStoreKey(service: Service): service is Service & { readonly store_key: string } {
  return service.store_key !== null;
}
