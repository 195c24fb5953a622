import { Failure } from "../failure/failure.ts";

/** Checks an API address: a key must not travel in the clear, except on this machine. */
export function checkedApiUrl(text: string, insecure = false): string {
  if (text.trim() === "") throw new Failure("usage", "API url can't be empty");
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Failure("usage", `'${text}' is not a URL`, { hint: "write it like https://api.example.com" });
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new Failure("usage", `'${text}' is neither an https nor an http URL`);
  }
  if (url.protocol === "http:" && !insecure && !isLoopback(url.hostname)) {
    throw new Failure("usage", `${text} would send the key unencrypted`, { hint: "use https://, or --insecure" });
  }
  return text.replace(/\/+$/, "");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
