/** What the API said: `body` is its JSON, `null` where there was none or no answer at all. */
export interface ApiAnswer {
  readonly ok: boolean;
  /** 0: no answer came, and what was asked may still have been done. */
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** Asks the native API. Browser only. */
export async function askApi(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  body: unknown = null,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const reply = await fetch(`/api/v1${path}`, {
    method,
    headers: { ...(body === null ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  }).catch(() => null);
  return {
    ok: reply?.ok === true,
    status: reply?.status ?? 0,
    body: await reply?.json().catch(() => null) ?? null,
  };
}
