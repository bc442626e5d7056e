import { Problem } from "./problem.ts";

const FORM_TYPE = /^\s*(application\/x-www-form-urlencoded|multipart\/form-data)\s*(;|$)/i;

/**
 * The same request with its form already read, so that a page finds one that is whole.
 * @throws {Problem} `unsupported-media-type` for what is no form, `malformed-body` for one that is broken.
 */
export async function withForm(request: Request): Promise<Request> {
  const { url, method, signal } = request;
  const headers = new Headers(request.headers);
  if (!FORM_TYPE.test(headers.get("content-type") ?? "")) {
    throw new Problem("unsupported-media-type", "A page takes a form, as a browser sends it");
  }
  // The new body has its own.
  for (const name of ["content-type", "content-length", "transfer-encoding"]) headers.delete(name);
  return new Request(url, { method, headers, signal, body: await formOf(request) });
}

async function formOf(request: Request): Promise<FormData> {
  try {
    return await request.formData();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new Problem("malformed-body", "The form cannot be read", {}, { cause });
  }
}
