export { Locks, type LocksOptions } from "./locks.ts";
export type * from "./face.ts";
export {
  type RunClaim,
  type RunHold,
  RunLeases,
  type RunObstacle,
  type RunRefusal,
} from "./run_leases.ts";
export {
  type Asker,
  AuditAction,
  AuditRecord,
  Conflict,
  DEFAULT_LEASE_MS,
  DEFAULT_POLICY,
  DeviceName,
  DeviceNames,
  type GateRefusal,
  type Grant,
  GROUP_DEVICES_MAX,
  GroupLock,
  type HeldRefusal,
  isLockEvent,
  LOCK_ACTIONS,
  LOCK_SCOPES,
  LOCK_TYPES,
  LockAction,
  LockAsk,
  type LockEvent,
  LockMode,
  LockOwner,
  type LockRefusal,
  type LockScope,
  LockType,
  LOST_REASONS,
  type LostReason,
  MAX_LEASE_MS,
  Policy,
  PolicyRule,
  priorityOf,
  type RequestOutcome,
  RESTART_GRACE_MS,
  Revoke,
  TICKET_POLL_MS,
  type TicketState,
  TicketView,
} from "./model.ts";
export { locksApi } from "./api.ts";
export { askerOf, commandActor, lockScopesOf } from "./api_asker.ts";
export { heirNamed, type People } from "./api_heir.ts";
export { CLOSE_GOING_AWAY, CLOSE_LOGIN, LockFeeds, SOCKET_CAPACITY } from "./api_feeds.ts";
export { lockProblem } from "./problems.ts";
export { lockReply, recordReply, ticketReply } from "./replies.ts";
export { covers } from "./names.ts";
