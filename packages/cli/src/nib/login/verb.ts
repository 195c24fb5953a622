import { verb } from "../../command/verb.ts";

export interface LoginOptions {
  readonly api?: string;
  readonly email?: string;
  readonly passwordStdin?: true;
  readonly token?: string;
  readonly tokenStdin?: true;
  readonly readOnly?: true;
  readonly secrets?: true;
  readonly insecure?: true;
}

export const loginVerb = verb<LoginOptions, [userId?: string]>({
  name: "login",
  summary: "log in to the control plane and keep a key in ~/.nib.json",
  examples: [
    ["nib login USER_ID", "asks for email and password"],
    ["nib login --email me@example.com --password-stdin < secret", "for scripts"],
  ],
  arguments: [{ usage: "[user_id]", summary: "your user id (default: of the email)", completes: "none" }],
  options: [
    {
      flags: "--api <url>",
      summary: "address of the control plane (default: where you are logged in, else the public one)",
    },
    { flags: "--email <address>", summary: "do not ask for the email" },
    {
      flags: "--password-stdin",
      summary: "read the password from stdin (the email too, as its first line, without --email)",
    },
    { flags: "--token <key>", summary: "use this API key instead of making one" },
    { flags: "--token-stdin", summary: "the same, read from stdin" },
    { flags: "--read-only", summary: "make a key that can look but not push" },
    { flags: "--secrets", summary: "make one that can look and manage secrets of your orgs (`nib secret`)" },
    { flags: "--insecure", summary: "allow plain http to other machines" },
  ],
  run: async (call) => (await import("./login.ts")).login(call),
});

/** LEGACY: what `login` was called before. */
export const configVerb = verb<Pick<LoginOptions, "api" | "insecure">, [token: string]>({
  name: "config",
  summary: "keep an API key in ~/.nib.json",
  hidden: true,
  arguments: [{ usage: "<token>", summary: "the API key", completes: "none" }],
  options: [
    { flags: "--api <url>", summary: "address of the control plane" },
    { flags: "--insecure", summary: "allow plain http to other machines" },
  ],
  run: async ({ args, options, ...call }) =>
    (await import("./login.ts")).login({ ...call, args: [], options: { ...options, token: args[0] } }),
});
