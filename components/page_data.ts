/** A page's own data as JSON, which its islands ask for anew: the same address, another `accept`. Browser only. */
const JSON_ONLY = { accept: "application/json" };

/** `null` when the instrument does not answer, or answers something else. */
export async function askedPage<T>(address: string): Promise<T | null> {
  const reply = await fetch(address, { headers: JSON_ONLY, cache: "no-store" }).catch(() => null);
  return reply?.ok ? await reply.json().catch(() => null) : null;
}

/** What the page's form said, and the page's data after it. */
export type Posted<T> =
  | { readonly data: T; readonly failed: string | null }
  /** The instrument did not answer, or would not take the form. */
  | { readonly data: null; readonly failed: string };

/** Posts a form of the page as its button would without scripts. */
export async function postPage<T extends { readonly failed: string | null }>(
  address: string,
  form: FormData,
): Promise<Posted<T>> {
  // As a form without files is sent.
  const body = new URLSearchParams([...form].map(([name, value]) => [name, String(value)]));
  const reply = await fetch(address, { method: "POST", headers: JSON_ONLY, body })
    .catch(() => null);
  const answer = await reply?.json().catch(() => null) ?? null;
  if (reply === null || answer === null) {
    return { data: null, failed: "The instrument did not answer; look before trying again" };
  }
  if (!reply.ok && answer.detail !== undefined) return { data: null, failed: answer.detail };
  return { data: answer, failed: answer.failed };
}
