import type { Arguments } from "./arguments.ts";
import type { Value } from "./value.ts";

const RANGE_LIMIT = 1_000_000;

export type TemplateFunction = (args: Arguments, env: Readonly<Record<string, string>>) => Value;

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  range: (args) => {
    const [start, end, step] = [args.integer("start", 0), args.integer("end"), args.integer("step_by", 1)];
    if (step < 1) return args.fail("'step_by' must be at least 1");
    if (start > end) return args.fail(`'start' ${start} is beyond 'end' ${end}`);
    const length = Math.ceil((end - start) / step);
    if (length > RANGE_LIMIT) return args.fail(`more than ${RANGE_LIMIT} numbers`);
    return Array.from({ length }, (_, index) => start + index * step);
  },
  throw: (args) => args.fail(args.string("message")),
  get_env: (args, env) => {
    const name = args.string("name");
    return env[name] ?? args.get("default") ?? args.fail(`environment variable '${name}' is not set`);
  },
};
