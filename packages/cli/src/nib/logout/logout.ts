import { Api } from "../../cloud/api.ts";
import { apiKeyId, forgetCredentials, storedCredentials } from "../../cloud/credentials.ts";
import type { Call } from "../../command/verb.ts";
import { Failure } from "../../failure/failure.ts";

/** `nib logout` (nib-and-images §1.5). The file goes in any case; a key that stays behind is told. */
export async function logout({ out }: Call<object, []>): Promise<void> {
  const credentials = storedCredentials(out);
  if (!credentials) {
    out.line("You were not logged in");
    out.document({ key_deleted: false });
    return;
  }
  using api = new Api(out, credentials.url, credentials.token);
  const id = apiKeyId(credentials.token);
  let deleted = false;
  try {
    if (id) {
      await api.once("ApiKeyService/Delete", () => api.apiKeys.delete({ apiKeyId: id }));
      deleted = true;
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    out.warn({ code: "NIB401", message: `the key ${id} is still valid, delete it in the console: ${error.message}` });
  }
  forgetCredentials();
  out.line(`Logged out of ${credentials.url}`);
  out.document({ key_deleted: deleted });
}
