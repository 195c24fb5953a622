import { CronError } from "../cron/fields.ts";
import { parseSchedule } from "../cron/schedule.ts";
import { isMultiClient, uploadServices } from "./archives.ts";
import { globFault } from "./glob.ts";
import { jobLikes, RESERVED_NAMES, SECTIONS } from "./jobs.ts";
import type { PluginConfig, Service, UploadOverrides } from "./model.ts";
import { checkNeeds } from "./needs.ts";
import type { ConfigProblem } from "./problem.ts";
import { checkServices } from "./service-rules.ts";

/** A name becomes a directory below the jobs of the node. */
const JOB_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/i;

/** What the agent takes (babel-agent.md D3-16). */
const MOST_JOBS = 64;

/** What zstd has; the negative ones are faster than they are small. (D5-15) */
const isZstdLevel = (level: number): boolean => level >= -7 && level <= 22 && level !== 0;

/** Every rule of the reference (spec plugin-api.md §3.3, in its order) and those it lacks; all problems at once. */
export function validateConfig(config: PluginConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  checkTaskNames(config, problems);
  checkNames(config, problems);
  checkJobCount(config, problems);
  checkServices(config, problems);
  checkNeeds(config, problems);
  checkTasks(config, problems);
  checkUpload(config, problems);
  checkTemplates(config, problems);
  return problems;
}

function checkTaskNames(config: PluginConfig, problems: ConfigProblem[]): void {
  const seen = new Set<string>();
  config.scheduled?.forEach((task, index) => {
    if (seen.has(task.name)) {
      problems.push({
        code: "NIB509",
        level: "error",
        path: `scheduled[${index}].name`,
        message: "Scheduled tasks names are not unique",
        help: `"${task.name}" is used before`,
      });
    }
    seen.add(task.name);
  });
}

function checkNames(config: PluginConfig, problems: ConfigProblem[]): void {
  const seen = new Set(RESERVED_NAMES);
  for (const { section, path, part } of jobLikes(config)) {
    const at = `${path}.name`;
    if (seen.has(part.name)) {
      const reserved = RESERVED_NAMES.includes(part.name);
      problems.push({
        code: "NIB509",
        level: "error",
        path: at,
        message: `${SECTIONS[section]} names are not unique`,
        help: reserved ? `"${part.name}" is the platform's own job` : `"${part.name}" is used before`,
      });
    } else if (!JOB_NAME.test(part.name)) {
      problems.push({
        code: "NIB505",
        level: "error",
        path: at,
        message: `job name ${JSON.stringify(part.name)} cannot be a directory name`,
        help: "use up to 63 letters, digits, dots, dashes and underscores, starting with a letter or digit",
      });
    } else if (part.name === "cold_init") {
      problems.push({
        code: "NIB505",
        level: "lint",
        path: at,
        message: "job name `cold_init` is reserved",
        help: "choose another",
      });
    } else if (/[A-Z]/.test(part.name)) {
      problems.push({
        code: "NIB505",
        level: "warning",
        path: at,
        message: `job name \`${part.name}\` should be lower case`,
      });
    }
    seen.add(part.name);
  }
}

/** Download and upload count too: whether they exist is found out on the node. */
function checkJobCount(config: PluginConfig, problems: ConfigProblem[]): void {
  const count = jobLikes(config).length + RESERVED_NAMES.length;
  if (count <= MOST_JOBS) return;
  const message = `${count} jobs, with \`download\` and \`upload\`: a node can have ${MOST_JOBS}`;
  problems.push({ code: "NIB505", level: "error", path: "", message });
}

function checkTasks(config: PluginConfig, problems: ConfigProblem[]): void {
  config.scheduled?.forEach((task, index) => {
    const path = `scheduled[${index}].schedule`;
    try {
      for (const message of parseSchedule(task.schedule, task.timezone).warnings)
        problems.push({ code: "NIB507", level: "warning", path, message });
    } catch (error) {
      if (!(error instanceof CronError)) throw error;
      problems.push({
        code: "NIB507",
        level: "error",
        path,
        message: `schedule '${task.schedule}': ${error.message}`,
        help: "second minute hour day-of-month month day-of-week [year]",
      });
    }
  });
}

function checkUpload(config: PluginConfig, problems: ConfigProblem[]): void {
  checkArchive(config.upload, "upload", "protocol data", problems);
  const archived: readonly Service[] = uploadServices(config);
  config.services.forEach((service, index) => {
    // A config that was saved before there were such overrides has none.
    if (!service.upload) return;
    const path = `services[${index}].upload`;
    checkArchive(service.upload, path, "data of the service", problems);
    if (archived.includes(service)) return;
    problems.push({
      code: "NIB505",
      level: "warning",
      path,
      message: `service '${service.name}' has no archive of its own, so this changes nothing`,
      help: "give it a store_key",
    });
  });
  if (isMultiClient(config) && config.upload && uploadServices(config).length === 0) {
    problems.push({
      code: "NIB505",
      level: "warning",
      path: "upload",
      message: "no service takes part in uploads",
      help: "set use_protocol_data",
    });
  }
}

function checkTemplates(config: PluginConfig, problems: ConfigProblem[]): void {
  config.config_files?.forEach((file, index) => {
    for (const key of ["template", "destination"] as const) {
      if (file[key].startsWith("/")) continue;
      const path = `config_files[${index}].${key}`;
      problems.push({
        code: "NIB505",
        level: "lint",
        path,
        message: `${key} "${file[key]}" should be an absolute path in the node`,
      });
    }
    if (!file.params.startsWith("{")) {
      const path = `config_files[${index}].params`;
      problems.push({ code: "NIB505", level: "error", path, message: "params must be a map to render a template" });
    }
    if (file.mode !== undefined && file.mode > 0o7777) {
      const path = `config_files[${index}].mode`;
      problems.push({ code: "NIB505", level: "error", path, message: "mode must be permission bits, such as 0o600" });
    }
  });
}

/** What is said of how an archive is made, for all or for one service; patterns match below `root`. */
function checkArchive(
  upload: Pick<UploadOverrides, "exclude" | "append_only" | "compression"> | null,
  at: string,
  root: string,
  problems: ConfigProblem[],
): void {
  const compression = upload?.compression;
  if (compression && compression !== "NONE" && !isZstdLevel(compression.ZSTD)) {
    const message = `zstd has no compression level ${compression.ZSTD}: levels are 1 to 22, and -7 to -1 for speed`;
    problems.push({ code: "NIB505", level: "error", path: `${at}.compression.ZSTD`, message });
  }
  for (const key of ["exclude", "append_only"] as const) {
    for (const [index, pattern] of (upload?.[key] ?? []).entries()) {
      const add = (level: ConfigProblem["level"], message: string, help?: string): void => {
        const path = `${at}.${key}[${index}]`;
        problems.push({ code: "NIB505", level, path, message, ...(help === undefined ? {} : { help }) });
      };
      const fault = globFault(pattern);
      if (fault !== undefined) add("lint", `"${pattern}" is no pattern: ${fault}`);
      if (pattern === "") add("lint", `an empty pattern ${key === "exclude" ? "excludes" : "matches"} nothing`);
      if (pattern.startsWith("/")) add("lint", `"${pattern}" matches nothing`, `patterns are relative to the ${root}`);
      if (key === "exclude" && /^(?:\*\*?|\*\*\/\*)$/.test(pattern))
        add("warning", `"${pattern}" excludes everything from uploads`);
    }
  }
}
