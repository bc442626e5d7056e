export { Breaker, BREAKER_LIMITS, type BreakerLimits } from "./breaker.ts";
export * from "./model.ts";
export { DELIVERY_LIMITS, Outbox } from "./outbox.ts";
export type { DeliveryLimits } from "./queue.ts";
export { isSigned, webhook, WebhookFailed, type WebhookOptions } from "./webhook.ts";
