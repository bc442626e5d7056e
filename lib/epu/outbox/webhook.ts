import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { type Consumer, type OutboxEvent, Undeliverable } from "./model.ts";

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  readonly types: readonly string[];
  /** Signs every delivery; `null` sends them unsigned. */
  readonly secret: string | null;
  readonly clock: Clock;
  readonly fetch?: typeof fetch;
}

/** Answers that say this very event will never be taken; others may pass. */
const UNDELIVERABLE = [400, 410, 413, 415, 422];

/**
 * Posts each event as JSON. With a secret the header `holdfast-signature` is `t=<seconds>,v1=<hex>`, where
 * `hex` is HMAC-SHA-256 over `<seconds>.<body>`; `holdfast-event-id` stays the same when it comes again.
 */
export function webhook(options: WebhookOptions): Consumer {
  const { name, url, types, secret, clock, fetch = globalThis.fetch } = options;
  return {
    name,
    types,
    async deliver(event: OutboxEvent, signal: AbortSignal): Promise<void> {
      const body = JSON.stringify(event);
      const headers: Record<string, string> = {
        "content-type": "application/json",
        "holdfast-event": event.type,
        "holdfast-event-id": event.id,
      };
      if (secret !== null) headers["holdfast-signature"] = signed(secret, clock.nowMs(), body);
      // A redirect would take the event, and its signature, to somebody nobody named.
      const reply = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
      await reply.body?.cancel();
      if (reply.ok) return;
      const message = `"${new URL(url).host}" answered ${reply.status}`;
      if (UNDELIVERABLE.includes(reply.status)) throw new Undeliverable(message);
      throw new WebhookFailed(message);
    },
  };
}

/** The receiver did not take it this time. */
export class WebhookFailed extends Error {
  override readonly name = "WebhookFailed";
}

function signed(secret: string, nowMs: number, body: string): string {
  const seconds = Math.floor(nowMs / 1000);
  return `t=${seconds},v1=${digest(secret, seconds, body)}`;
}

function digest(secret: string, seconds: number, body: string): string {
  return createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
}

/** Whether a delivery is ours and not older, or newer, than `toleranceS` seconds: the receiver's side. */
export function isSigned(
  { secret, header, body, nowMs, toleranceS }: {
    secret: string;
    header: string;
    body: string;
    nowMs: number;
    toleranceS: number;
  },
): boolean {
  const match = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(header);
  if (match === null) return false;
  const seconds = Number(match[1]);
  if (Math.abs(nowMs / 1000 - seconds) > toleranceS) return false;
  return timingSafeEqual(
    Buffer.from(match[2]!, "hex"),
    Buffer.from(digest(secret, seconds, body), "hex"),
  );
}
