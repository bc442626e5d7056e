import { choice, fallback, integerOrBool, optional, text } from "../fastapi.ts";

/** Lock types as the original spells them, with their priorities: the lower number wins. */
export const PRIORITIES = {
  MAINTENANCE: 0,
  QUEUE_EXECUTING: 1,
  MANUAL_OPERATOR: 2,
  QUEUE_QUEUED: 3,
} as const;
export type WireLockType = keyof typeof PRIORITIES;

/** Seconds; what the original gives a request that names none. */
const TIMEOUT_S = 300;

/** `POST /api/lock/request`: a priority in it, as any field of no meaning, is ignored. */
export const LOCK_REQUEST = {
  device_name: text(),
  lock_type: choice("MAINTENANCE", "QUEUE_EXECUTING", "MANUAL_OPERATOR", "QUEUE_QUEUED"),
  user_id: text(),
  timeout: fallback(optional(integerOrBool({ ge: 0 })), TIMEOUT_S),
  reason: optional(text()),
  plan_uid: optional(text()),
};

/** The query of `POST /api/lock/release`; a body is not read. */
export const LOCK_RELEASE = { device_name: text(), lock_key: text(), user_id: text() };
