import { Problem } from "./problem.ts";

const FORM_TYPE = /^\s*(application\/x-www-form-urlencoded|multipart\/form-data)\s*(;|$)/i;

/**
 * The same request with its form already read: `formData()` gives it, and there is no other body.
 * @throws {Problem} `unsupported-media-type` for what is no form, `malformed-body` for one that is broken.
 */
export async function withForm(request: Request): Promise<Request> {
  const { url, method, headers, signal } = request;
  if (!FORM_TYPE.test(headers.get("content-type") ?? "")) {
    throw new Problem("unsupported-media-type", "A page takes a form, as a browser sends it");
  }
  const form = await formOf(request);
  // Not as a new body: a form with odd names does not survive being written and read again.
  return Object.defineProperty(new Request(url, { method, headers, signal }), "formData", {
    value: () => Promise.resolve(form),
  });
}

async function formOf(request: Request): Promise<FormData> {
  try {
    return await request.formData();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new Problem("malformed-body", "The form cannot be read", {}, { cause });
  }
}
