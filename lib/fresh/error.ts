/**
 * Thrown by pages and middleware to answer with an HTTP status: 404 is shown by `_404.tsx`, all others by
 * the nearest `_error.tsx`.
 */
export class HttpError extends Error {
  override readonly name = "HttpError";
  constructor(
    /** An HTTP status, 400 to 599. */
    readonly status: number,
    message?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The status with which an error leaves the process. */
export function statusOf(error: unknown): number {
  return error instanceof HttpError ? error.status : 500;
}
