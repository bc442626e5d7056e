/**
 * Every error that leaves the process is one of these: RFC 9457 `application/problem+json`, with a page
 * at `/problems/<kind>` saying the cause, what it means for the sample and what to do.
 * `detail` is what the originals' clients read.
 */
export const PROBLEMS = {
  "invalid-request": { status: 422, title: "The request does not fit its schema" },
  "malformed-body": { status: 400, title: "The request body cannot be read" },
  "too-large": { status: 413, title: "The request body is too large" },
  "too-slow": { status: 408, title: "The request body came too slowly" },
  "unsupported-media-type": { status: 415, title: "The content type is not supported" },
  "not-found": { status: 404, title: "There is nothing at this address" },
  "method-not-allowed": { status: 405, title: "This address does not take that method" },
  "login-required": { status: 401, title: "A login or a token is required" },
  "forbidden": { status: 403, title: "Your role does not allow this" },
  "bad-origin": { status: 403, title: "The request comes from another site" },
  "bad-host": { status: 421, title: "The request names another host" },
  "too-many-attempts": { status: 429, title: "Too many attempts" },
  "too-many-viewers": { status: 503, title: "Too many viewers are connected" },
  "device-unknown": { status: 404, title: "There is no such device" },
  "device-held": { status: 409, title: "Somebody else holds the device" },
  "device-busy": { status: 429, title: "Too many commands wait for the device" },
  "stale-fence": { status: 409, title: "The lease behind this command has been superseded" },
  "device-offline": { status: 503, title: "The device does not answer" },
  "device-fault": { status: 502, title: "The device refused or failed the command" },
  "command-timeout": { status: 504, title: "The device did not answer in time" },
  "device-locked": { status: 409, title: "A device of the lock is not free" },
  "wait-timeout": { status: 409, title: "The wait for the lock ran out" },
  "wait-cancelled": { status: 409, title: "The wait for the lock was given up" },
  "would-deadlock": { status: 409, title: "Waiting here could wait for ever" },
  "lock-lost": { status: 410, title: "The lock is no more" },
  "lock-unknown": { status: 404, title: "There is no such lock" },
  "ticket-unknown": { status: 404, title: "There is no such ticket" },
  "not-revoking": { status: 409, title: "Nobody asks for this lock" },
  "not-permitted": { status: 403, title: "The lock does not allow you this" },
  "gate-refused": { status: 423, title: "The device must not be driven with this fence" },
  "too-many-waiting": { status: 429, title: "Too many wait for locks" },
  "instrument-stopped": { status: 409, title: "The instrument is stopped" },
  "out-of-range": { status: 422, title: "A value is outside the device's range" },
  "experiment-unknown": { status: 404, title: "There is no such experiment" },
  "experiment-holding": { status: 409, title: "The experiment is held" },
  "wrong-state": { status: 409, title: "The experiment's state does not allow this" },
  "active-limit": { status: 429, title: "Too many active experiments for one owner" },
  "script-rejected": { status: 422, title: "The script cannot be accepted" },
  "runner-unavailable": { status: 503, title: "This machine cannot run that kind of script" },
  "not-open": { status: 409, title: "It is no longer open to this" },
  "in-use": { status: 409, title: "It cannot be deleted: something still needs it" },
  "precondition-failed": { status: 412, title: "What you saw has changed since" },
  "store-unavailable": { status: 503, title: "The store cannot be written" },
  "disk-full": { status: 507, title: "The disk is full" },
  "internal": { status: 500, title: "Holdfast failed" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemKind = keyof typeof PROBLEMS;

export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly kind: ProblemKind,
    /** What was tried and what was found; values quoted, no secret, no path of this machine. */
    readonly detail: string,
    /** Further members of the JSON body, e.g. `{ holder, errors: [{ path, message }] }`. */
    readonly members: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }
  get status(): number {
    return PROBLEMS[this.kind].status;
  }
  /** The JSON body; `type` is the address of the problem's page. */
  toJSON(): Record<string, unknown> {
    const { status, title } = PROBLEMS[this.kind];
    return {
      type: `/problems/${this.kind}`,
      title,
      status,
      detail: this.detail,
      code: this.kind.replaceAll("-", "_"),
      ...this.members,
    };
  }
}
