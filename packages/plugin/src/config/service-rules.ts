import { dataDirectory, isMultiClient, uploadServices } from "./archives.ts";
import type { PluginConfig, Service } from "./model.ts";
import type { ConfigProblem } from "./problem.ts";

/** Data directories and store keys of services (spec plugin-api.md §3.3 rules 8 and 9, and what protects data from each other). */
export function checkServices(config: PluginConfig, problems: ConfigProblem[]): void {
  config.services.forEach((service, index) => {
    const at = `services[${index}]`;
    const { data_dir, store_key } = service;
    if (data_dir !== null && !isRelative(data_dir)) {
      const message = `Service '${service.name}' data_dir '${data_dir}' must be a relative path without '..' components`;
      problems.push({ code: "NIB505", level: "error", path: `${at}.data_dir`, message });
    }
    if (store_key !== null && !/^[A-Za-z0-9_-]+$/.test(store_key)) {
      const message = `Service '${service.name}' store_key '${store_key}' must contain only alphanumeric characters, hyphens, and underscores`;
      problems.push({ code: "NIB505", level: "error", path: `${at}.store_key`, message });
    }
  });
  if (!isMultiClient(config)) return;
  checkUniqueStoreKeys(config, problems);
  checkDisjointDirectories(config, problems);
  config.services.forEach((service, index) => {
    if (!service.archive || service.store_key !== null || !service.use_protocol_data) return;
    problems.push({
      code: "NIB505",
      level: "warning",
      path: `services[${index}]`,
      message: `service '${service.name}' has no archive, because other services have a store_key and it has none`,
      help: "give it a store_key, or set archive to false",
    });
  });
}

/** Two services that upload under one key would overwrite each other's archive. */
function checkUniqueStoreKeys(config: PluginConfig, problems: ConfigProblem[]): void {
  const owners = new Map<string, string>();
  for (const service of uploadServices(config)) {
    const owner = owners.get(service.store_key);
    if (owner !== undefined) {
      problems.push({
        code: "NIB505",
        level: "error",
        path: `services[${config.services.indexOf(service)}].store_key`,
        message: `store_key '${service.store_key}' is that of service '${owner}' too`,
        help: "each archived service needs its own",
      });
    }
    owners.set(service.store_key, service.name);
  }
}

/** A directory inside another would be part of two archives. */
function checkDisjointDirectories(config: PluginConfig, problems: ConfigProblem[]): void {
  const archived: readonly Service[] = uploadServices(config);
  const parts = (service: Service): string[] =>
    dataDirectory(service)
      .split("/")
      .filter((part) => part !== "" && part !== ".");
  archived.forEach((service, position) => {
    const own = parts(service);
    const other = archived.slice(0, position).find((one) => {
      const their = parts(one);
      const shorter = Math.min(own.length, their.length);
      return own.slice(0, shorter).join("/") === their.slice(0, shorter).join("/");
    });
    if (!other) return;
    problems.push({
      code: "NIB505",
      level: "error",
      path: `services[${config.services.indexOf(service)}].data_dir`,
      message: `data of service '${service.name}' overlap with those of '${other.name}'`,
      help: "archived services need directories of their own",
    });
  });
}

function isRelative(path: string): boolean {
  return path !== "" && !path.startsWith("/") && !path.split("/").includes("..") && !path.includes("\0");
}
