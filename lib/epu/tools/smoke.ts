import { type Clock, delay } from "../../clock.ts";

export interface SmokeCheck {
  readonly path: string;
  readonly isOk: boolean;
  /** HTTP status; `null`: no answer. */
  readonly status: number | null;
  readonly tookMs: number;
  readonly says: string;
  readonly body: unknown;
}

const BODY_BYTES_MAX = 1024 * 1024;

/** Asks a SmartEM interface at `url` (its base path included) how it is: `/status`, then `/health`. */
export async function smoke(
  url: string,
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): Promise<SmokeCheck[]> {
  const base = url.replace(/\/+$/, "");
  const checks: SmokeCheck[] = [];
  for (const path of ["/status", "/health"]) {
    checks.push(await ask(`${base}${path}`, path, clock, timeoutMs));
  }
  return checks;
}

async function ask(
  address: string,
  path: string,
  clock: Clock,
  timeoutMs: number,
): Promise<SmokeCheck> {
  const startedMs = clock.monotonicMs();
  const controller = new AbortController();
  const done = new AbortController();
  delay(clock, timeoutMs, done.signal).then(() => controller.abort(), () => {});
  const ended = (check: Pick<SmokeCheck, "isOk" | "status" | "says" | "body">): SmokeCheck => ({
    path,
    tookMs: Math.round(clock.monotonicMs() - startedMs),
    ...check,
  });
  try {
    const reply = await fetch(address, {
      headers: { accept: "application/json" },
      redirect: "manual",
      signal: controller.signal,
    });
    const body = await jsonOf(reply);
    // A backend that is not well answers 503 and puts its report into "detail".
    const report = memberOf(body, "detail") ?? body;
    const state = memberOf(report, "status");
    const isOk = reply.status === 200 && state === "ok";
    const says = typeof state === "string" ? state : "no answer of a SmartEM interface";
    return ended({ isOk, status: reply.status, says, body });
  } catch (error) {
    const says = controller.signal.aborted
      ? `no answer within ${timeoutMs / 1000} s`
      : `no answer: ${(error as Error).message}`;
    return ended({ isOk: false, status: null, says, body: null });
  } finally {
    done.abort();
  }
}

async function jsonOf(reply: Response): Promise<unknown> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of reply.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > BODY_BYTES_MAX) return null;
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
