import { Failure } from "../../failure/failure.ts";
import { readText } from "../../files/read-text.ts";

/** What `--secret` gives: keys and texts. The failures name the key alone. */
export function givenSecrets(given: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) {
        throw new Failure("usage", "--secret is not of the form KEY=VALUE", {
          hint: "write it like --secret grafana-loki-key=text, or --secret grafana-loki-key=@FILE",
        });
      }
      const [key, value] = [text.slice(0, at), text.slice(at + 1)];
      return [
        key,
        value.startsWith("@") ? readText(value.slice(1), `--secret ${key}=@FILE reads it from a file`) : value,
      ];
    }),
  );
}
