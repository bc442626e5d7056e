import { atLeast, type Principal, type Role, type Scope } from "./auth/model.ts";

/** What a request needs. */
export interface Rule {
  /** Least role; `anyone` needs none. */
  readonly role: Role | "anyone";
  /** What a token that is limited to scopes must name; absent: any token will do. */
  readonly scope?: Scope;
  /** Whether the token of a running script may: `own`, where the path names its own experiment. */
  readonly experiment?: "yes" | "own";
  /** Whether this machine may without a login: stopping must never wait for a password. */
  readonly fromThisMachine?: true;
}

export interface AccessEntry {
  readonly method: string;
  /** Segments; `:id` is any one segment, a last `*` any rest. */
  readonly pattern: string;
  readonly rule: Rule;
}

const OPEN: Rule = { role: "anyone" };
const READ: Rule = { role: "observer", experiment: "yes" };
/** What a run wrote: people read all of it, a script its own run's. */
const READ_RUN: Rule = { role: "observer", experiment: "own" };
/** Pages are for people. */
const LOOK: Rule = { role: "observer" };
const DRIVE: Rule = { role: "operator", scope: "devices", experiment: "yes" };
const OPERATE: Rule = { role: "operator", scope: "devices" };
/** Cryo-EM sessions: what processing found, what people decide. */
const STEER: Rule = { role: "operator", scope: "epu" };
const SUBMIT: Rule = { role: "operator", scope: "experiments" };
const OWN_RUN: Rule = { role: "admin", scope: "experiments", experiment: "own" };
const MINT: Rule = { role: "operator", scope: "admin" };
const ADMINISTER: Rule = { role: "admin", scope: "admin" };
const STOP: Rule = { role: "observer", experiment: "yes", fromThisMachine: true };

/**
 * Who may call what: the one place. The first entry that fits decides; what fits none is refused. A
 * device's holder is checked where the command is carried out, not here.
 */
export const ACCESS: readonly AccessEntry[] = [
  ...on("POST", STOP, "/api/v1/stop"),
  ...on("POST", OPERATE, "/api/v1/stop/clear"),

  ...on("POST", OPEN, "/api/v1/login", "/api/v1/logout"),
  ...on("GET", OPEN, "/api/v1/me"),
  ...on("PUT", { role: "observer" }, "/api/v1/me/password"),
  ...on("GET", MINT, "/api/v1/tokens"),
  ...on("POST", MINT, "/api/v1/tokens"),
  ...on("DELETE", MINT, "/api/v1/tokens/:id"),
  ...on("GET", ADMINISTER, "/api/v1/users"),
  ...on("POST", ADMINISTER, "/api/v1/users"),
  ...on("PATCH", ADMINISTER, "/api/v1/users/:name"),
  ...on("DELETE", ADMINISTER, "/api/v1/users/:name"),
  ...on("GET", { role: "operator", scope: "admin" }, "/api/v1/config"),

  // Whose the lock is, and what a type of lock needs beyond this, is decided where locks are.
  ...on(
    "POST",
    OPERATE,
    "/api/v1/locks",
    "/api/v1/locks/:id/renew",
    "/api/v1/locks/:id/release",
    "/api/v1/locks/:id/convert",
    "/api/v1/locks/:id/transfer",
    "/api/v1/locks/:id/extend",
    "/api/v1/locks/:id/ack",
    "/api/v1/gate/check",
    "/api/lock/request",
    "/api/lock/release",
  ),
  ...on("DELETE", OPERATE, "/api/v1/tickets/:id"),
  ...on("POST", ADMINISTER, "/api/v1/locks/:id/revoke"),
  ...on("PUT", ADMINISTER, "/api/v1/locks/policy"),

  ...on("POST", DRIVE, "/api/v1/devices/:id/commands"),
  ...on("GET", { role: "observer" }, "/api/v1/simulator/*"),
  ...on("POST", OPERATE, "/api/v1/simulator/faults"),
  ...on("DELETE", OPERATE, "/api/v1/simulator/faults", "/api/v1/simulator/faults/:id"),
  ...on("PUT", OPERATE, "/api/v1/simulator/time-scale"),
  ...on("POST", OPERATE, "/api/v1/alarms/:id/acknowledge"),

  ...on("POST", SUBMIT, "/api/v1/experiments", "/api/v1/experiments/parameters"),
  ...on("POST", { role: "admin", scope: "experiments" }, "/api/v1/experiments/import"),
  ...on(
    "POST",
    SUBMIT,
    "/api/v1/experiments/:id/cancel",
    "/api/v1/experiments/:id/pause",
    "/api/v1/experiments/:id/resume",
    "/api/v1/experiments/:id/hold",
    "/api/v1/experiments/:id/release",
    "/api/v1/experiments/:id/move",
    "/api/v1/experiments/:id/run-now",
    "/api/v1/experiments/:id/annotations",
  ),
  ...on("DELETE", SUBMIT, "/api/v1/experiments/:id"),
  ...on(
    "POST",
    OWN_RUN,
    "/api/v1/experiments/:id/phase",
    "/api/v1/experiments/:id/notes",
  ),

  ...on(
    "POST",
    STEER,
    "/api/v1/epu/micrographs/:name/results",
    "/api/v1/epu/acquisitions/:id/proposals",
    "/api/v1/epu/acquisitions/:id/proposals/refresh",
    "/api/v1/epu/acquisitions/:id/proposals/:proposal/approve",
    "/api/v1/epu/acquisitions/:id/proposals/:proposal/reject",
    "/api/v1/epu/acquisitions/:id/decisions",
    "/api/v1/epu/acquisitions/:id/decisions/:decision/retry",
    "/api/v1/epu/acquisitions/:id/pause",
    "/api/v1/epu/acquisitions/:id/resume",
    "/api/v1/epu/acquisitions/:id/close",
    "/api/v1/epu/acquisitions/:id/reopen",
    "/api/v1/epu/agents/:agent/sessions/:session/instructions",
    "/api/v1/epu/instructions/:instruction/cancel",
    "/api/v1/epu/dead-letters/:consumer/:seq/replay",
  ),
  ...on("PATCH", STEER, "/api/v1/epu/acquisitions/:id/decision-settings"),
  ...on(
    "PUT",
    STEER,
    "/api/v1/epu/automation",
    "/api/v1/epu/acquisitions/:id/squares/:square/note",
  ),
  ...on("DELETE", STEER, "/api/v1/epu/dead-letters/:consumer/:seq"),
  ...on("DELETE", { role: "admin", scope: "epu" }, "/api/v1/epu/acquisitions/:id"),

  // The SmartEM API: agents tell of everything, sessions are opened by hand.
  ...on("GET", ADMINISTER, "/smartem/debug/*"),
  ...on("POST", ADMINISTER, "/smartem/debug/*"),
  ...on("DELETE", ADMINISTER, "/smartem/debug/*"),
  ...on(
    "GET",
    OPEN,
    "/smartem/health",
    "/smartem/status",
    "/smartem/openapi.json",
    "/smartem/docs",
    "/smartem/redoc",
  ),
  ...on("POST", STEER, "/smartem/*"),
  ...on("PUT", STEER, "/smartem/*"),
  ...on("DELETE", STEER, "/smartem/*"),

  // The originals' hub.
  ...on(
    "POST",
    SUBMIT,
    "/api/experiments/start",
    "/api/experiments/:id/cancel",
    "/api/experiments/:id/pause",
    "/api/experiments/:id/resume",
    "/api/experiments/:id/reorder",
    "/api/experiments/:id/run-now",
    "/api/experiments/:id/stop",
  ),
  ...on("DELETE", SUBMIT, "/api/experiments/:id"),

  // The originals' node: the same devices under their component names.
  ...on(
    "POST",
    DRIVE,
    "/api/v3/:component/control",
    "/api/:component/control",
    "/api/led",
    "/api/peltier",
    "/api/ring-light",
    "/api/pump",
    "/api/stirrer",
  ),

  // The originals' web server.
  ...on("POST", SUBMIT, "/upload"),
  ...on("POST", OPERATE, "/api/settings/dashboard"),

  ...on(
    "POST",
    OPERATE,
    "/alarms",
    "/devices/:id",
    "/locks",
    "/settings/simulator",
    "/settings/dashboard",
  ),
  // Pages about sessions: closing one, a note on a square.
  ...on("POST", STEER, "/epu/:id", "/epu/:id/decisions", "/epu/:id/squares/:square"),
  ...on("POST", SUBMIT, "/experiments/new", "/experiments/:id"),
  ...on("POST", OPEN, "/settings/theme"),
  ...on("POST", ADMINISTER, "/settings/users"),
  ...on("POST", MINT, "/settings/tokens"),

  ...on("GET", OPEN, "/login", "/healthz", "/readyz", "/problems/*"),
  ...on("GET", OPEN, "/api/health/live", "/api/health/ready"),
  ...on(
    "GET",
    OPEN,
    "/css/*",
    "/icons/*",
    "/_fresh/*",
    "/icon.svg",
    "/favicon.ico",
  ),
  ...on(
    "GET",
    READ_RUN,
    "/api/v1/experiments/:id/log",
    "/api/v1/experiments/:id/files",
    "/api/v1/experiments/:id/files/*",
    "/api/v1/experiments/:id/archive.zip",
    "/api/v1/experiments/:id/data",
    "/api/v1/experiments/:id/script",
    "/api/experiments/:id/download",
    "/api/experiments/:id/logs",
    "/api/experiments/:id/results",
    "/experiment/:id/download",
  ),
  ...on("GET", LOOK, "/experiments", "/experiments/*", "/experiment/:id", "/my-experiments"),
  ...on("GET", READ, "/*"),
];

function on(method: string, rule: Rule, ...patterns: string[]): AccessEntry[] {
  return patterns.map((pattern) => ({ method, pattern, rule }));
}

export type AccessRefusal =
  /** Nobody is logged in, and somebody must be. */
  | { kind: "login-required" }
  | { kind: "forbidden"; why: string }
  /** No rule for this path under any method. */
  | { kind: "not-found" }
  | { kind: "method-not-allowed"; allowed: string[] };

/** The rule for a request, with what its pattern's names stand for; `null` where there is none. */
export function ruleFor(
  method: string,
  path: string,
  table: readonly AccessEntry[] = ACCESS,
): { rule: Rule; params: Record<string, string> } | null {
  const given = path.split("/");
  for (const { wanted, rule } of readied(table).get(method === "HEAD" ? "GET" : method) ?? []) {
    if (matches(wanted, given)) return { rule, params: paramsOf(wanted, given) };
  }
  return null;
}

/** A pattern in its parts. */
interface Readied {
  readonly wanted: readonly string[];
  readonly rule: Rule;
}

/** Each table by method: every request looks into it. */
const known = new WeakMap<readonly AccessEntry[], ReadonlyMap<string, readonly Readied[]>>();

function readied(table: readonly AccessEntry[]): ReadonlyMap<string, readonly Readied[]> {
  let found = known.get(table);
  if (found === undefined) {
    const all = table.map(({ method, pattern, rule }) => {
      return { method, wanted: pattern.split("/"), rule };
    });
    found = Map.groupBy(all, ({ method }) => method);
    known.set(table, found);
  }
  return found;
}

/** Whether `principal` may make this request; `null` when it may. */
export function accessRefusal(
  request: { method: string; path: string; fromThisMachine: boolean },
  principal: Principal,
  table: readonly AccessEntry[] = ACCESS,
): AccessRefusal | null {
  const found = ruleFor(request.method, request.path, table);
  if (found === null) {
    const methods = ["POST", "PUT", "PATCH", "DELETE"].filter((method) =>
      ruleFor(method, request.path, table) !== null
    );
    return methods.length === 0
      ? { kind: "not-found" }
      : { kind: "method-not-allowed", allowed: ["GET", ...methods] };
  }
  const { rule, params } = found;
  if (rule.role === "anyone") return null;
  if (rule.fromThisMachine && request.fromThisMachine) return null;
  if (principal.kind === "anonymous") return { kind: "login-required" };
  if (principal.kind === "experiment") return ofExperiment(principal, rule, params);
  if (!atLeast(principal.role, rule.role)) {
    return {
      kind: "forbidden",
      why: `This needs the role "${rule.role}"; yours is "${principal.role}"`,
    };
  }
  if (principal.kind === "token" && principal.scopes.length > 0 && rule.scope !== undefined) {
    if (!principal.scopes.includes(rule.scope)) {
      return { kind: "forbidden", why: `This token lacks the scope "${rule.scope}"` };
    }
  }
  return null;
}

function ofExperiment(
  principal: Extract<Principal, { kind: "experiment" }>,
  rule: Rule,
  params: Record<string, string>,
): AccessRefusal | null {
  if (rule.experiment === "yes") return null;
  if (rule.experiment === "own") {
    return [principal.experimentId, String(principal.number)].includes(params.id ?? "")
      ? null
      : { kind: "forbidden", why: "A script may do this for its own experiment only" };
  }
  return { kind: "forbidden", why: "The token of a running script does not allow this" };
}

function matches(wanted: readonly string[], given: readonly string[]): boolean {
  for (let i = 0; i < wanted.length; i++) {
    const segment = wanted[i]!;
    if (segment === "*" && i === wanted.length - 1) return true;
    const value = given[i];
    if (value === undefined) return false;
    if (segment.startsWith(":")) {
      if (value === "") return false;
    } else if (segment !== value) return false;
  }
  return wanted.length === given.length;
}

function paramsOf(wanted: readonly string[], given: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [i, segment] of wanted.entries()) {
    if (segment.startsWith(":")) params[segment.slice(1)] = given[i]!;
  }
  return params;
}

/**
 * Routes that change something and have no rule, as `POST /path`; for a test over the whole application.
 * What is registered for all methods below a `*` (middleware, the pages behind their own router, "there
 * is nothing here") names no route of its own and is left out: what has no rule never gets that far.
 */
export function checkAccessCoverage(
  routes: readonly { method: string; path: string }[],
  table: readonly AccessEntry[] = ACCESS,
): string[] {
  const missing = new Set<string>();
  for (const { method, path } of routes) {
    if (["GET", "HEAD", "OPTIONS"].includes(method)) continue;
    if (method === "ALL" && path.endsWith("*")) continue;
    const methods = method === "ALL" ? ["POST", "PUT", "PATCH", "DELETE"] : [method];
    const sample = path.split("/").map((segment) =>
      segment.startsWith(":") || segment === "*" ? "x" : segment
    ).join("/");
    for (const asked of methods) {
      if (ruleFor(asked, sample, table) === null) missing.add(`${asked} ${path}`);
    }
  }
  return [...missing].sort();
}
