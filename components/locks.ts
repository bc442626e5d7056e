import type { LockType } from "../lib/locks/model.ts";

/** What pages show of locks: the API's own replies, as rows with bars on a time axis. Pure. */

export interface ShownOwner {
  readonly principal: string;
  readonly label: string;
  readonly client: string | null;
  readonly asserted: boolean;
}

/** A lock as the API gives it, as far as pages need it. */
export interface ShownLock {
  readonly id: string;
  readonly devices: readonly string[];
  readonly type: LockType;
  readonly mode: "exclusive" | "shared";
  readonly owner: ShownOwner;
  readonly reason: string | null;
  readonly plan_uid: string | null;
  readonly acquired_at: string;
  readonly lease_ms: number | null;
  readonly expires_at: string | null;
  readonly state: "held" | "revoking";
  readonly revoke: {
    readonly by: string;
    readonly reason: string;
    readonly deadline: string;
    readonly refusable: boolean;
  } | null;
}

export interface ShownTicket {
  readonly ticket: string;
  readonly devices: readonly string[];
  readonly type: LockType;
  readonly owner: ShownOwner;
  readonly reason: string | null;
  readonly since: string;
  readonly until: string | null;
  readonly not_before: string | null;
  readonly position: number;
}

/** One decision of the record. */
export interface ShownRecord {
  readonly seq: number;
  readonly at: string;
  readonly action: string;
  readonly id: string | null;
  readonly devices: readonly string[];
  readonly owner: ShownOwner | null;
  readonly type: LockType | null;
  readonly reason: string | null;
  readonly by: string | null;
}

/** Everything the board is drawn from. */
export interface LockBoardData {
  readonly devices: readonly {
    readonly deviceId: string;
    readonly label: string;
    readonly drivable: boolean;
  }[];
  readonly locks: readonly ShownLock[];
  readonly queue: readonly ShownTicket[];
  /** Newest first. */
  readonly records: readonly ShownRecord[];
}

/** A lock taken on a page lives this long; a press renews it. */
export const PAGE_LEASE_MS = 120_000;

const TYPE_WORDS: Record<LockType, string> = {
  MAINTENANCE: "maintenance",
  QUEUE_EXECUTING: "experiment",
  MANUAL_OPERATOR: "by hand",
  QUEUE_QUEUED: "reserved",
};

export function typeInWords(type: LockType): string {
  return TYPE_WORDS[type];
}

const ACTION_WORDS: Record<string, string> = {
  acquired: "taken",
  extended: "more devices added",
  renewed: "renewed",
  converted: "changed its type",
  transferred: "handed over",
  released: "given back",
  expired: "ran out",
  preempt_requested: "asked to yield",
  preempt_refused: "refused to yield",
  preempt_withdrawn: "no longer asked to yield",
  preempted: "taken by another",
  force_released: "taken away",
  queued: "waits",
  dequeued: "waits no more",
  policy_changed: "rules changed",
  denied: "denied",
  gate_refused: "command refused",
};

export function actionInWords(action: string): string {
  return ACTION_WORDS[action] ?? action.replaceAll("_", " ");
}

/** Whether a lock on `held` stands in the way of `deviceId`: the same, around it, inside it, everything. */
export function meets(held: string, deviceId: string): boolean {
  return held === "*" || held === deviceId || deviceId.startsWith(`${held}.`) ||
    held.startsWith(`${deviceId}.`);
}

/** A stretch of time somebody held a device. */
export interface Bar {
  readonly lockId: string;
  readonly fromMs: number;
  /** `null`: until it is released. */
  readonly toMs: number | null;
  readonly type: LockType;
  readonly text: string;
  readonly live: boolean;
}

export interface BoardRow {
  readonly deviceId: string;
  /** What people call it; the id where it is no device of this instrument. */
  readonly label: string;
  readonly known: boolean;
  /** Whether somebody can drive it: sensors are read by all. */
  readonly drivable: boolean;
  readonly locks: readonly ShownLock[];
  readonly waiting: readonly ShownTicket[];
  readonly bars: readonly Bar[];
}

const ENDS = new Set(["released", "expired", "preempted", "force_released"]);

/**
 * One row a device: the actuators of the instrument, then whatever else is held or waited for. A sensor
 * nobody holds has none.
 */
export function rowsOf({ devices, locks, queue, records }: LockBoardData): BoardRow[] {
  const known = new Set(devices.map(({ deviceId }) => deviceId));
  const further = [...locks, ...queue].flatMap((one) => one.devices)
    .filter((name) => !known.has(name));
  const past = pastBars(records, new Set(locks.map(({ id }) => id)));
  const rowOf = (
    { deviceId, label, drivable }: LockBoardData["devices"][number],
    isKnown: boolean,
  ): BoardRow => {
    const held = locks.filter((lock) => lock.devices.some((name) => meets(name, deviceId)));
    return {
      deviceId,
      label,
      known: isKnown,
      drivable,
      locks: held,
      waiting: queue.filter((ticket) => ticket.devices.some((name) => meets(name, deviceId))),
      bars: [
        ...past.filter(({ devices }) => devices.some((name) => meets(name, deviceId)))
          .map(({ bar }) => bar),
        ...held.map(barOf),
      ],
    };
  };
  const others = [...new Set(further)].sort()
    .map((name) => rowOf({ deviceId: name, label: name, drivable: true }, false));
  return [...devices.map((device) => rowOf(device, true)), ...others]
    .filter(({ drivable, locks, waiting }) => drivable || locks.length > 0 || waiting.length > 0);
}

function barOf({ id, acquired_at, expires_at, type, owner, reason }: ShownLock): Bar {
  return {
    lockId: id,
    fromMs: Date.parse(acquired_at),
    toMs: expires_at === null ? null : Date.parse(expires_at),
    type,
    text: barText(owner.label, type, reason),
    live: true,
  };
}

function barText(label: string, type: LockType, reason: string | null): string {
  return `${label}, ${typeInWords(type)}${reason ? `: ${reason}` : ""}`;
}

/** Locks that ended, from the record: what it says of their beginning and of their end. */
function pastBars(
  records: readonly ShownRecord[],
  standing: ReadonlySet<string>,
): { bar: Bar; devices: readonly string[] }[] {
  const begun = new Map<string, ShownRecord>();
  const bars: { bar: Bar; devices: readonly string[] }[] = [];
  for (const record of records.toReversed()) {
    const { id, action, owner, type } = record;
    if (id === null || owner === null || type === null) continue;
    if (action === "acquired") begun.set(id, record);
    if (!ENDS.has(action) || standing.has(id)) continue;
    const start = begun.get(id);
    if (start === undefined) continue;
    bars.push({
      devices: start.devices,
      bar: {
        lockId: id,
        fromMs: Date.parse(start.at),
        toMs: Date.parse(record.at),
        type,
        text: `${barText(owner.label, type, start.reason)}; ${actionInWords(action)}`,
        live: false,
      },
    });
  }
  return bars;
}

/** How far back and ahead the board looks. */
export const LOCK_WINDOWS = [
  { key: "15m", label: "15 min", ms: 15 * 60_000 },
  { key: "1h", label: "1 h", ms: 3_600_000 },
  { key: "6h", label: "6 h", ms: 6 * 3_600_000 },
  { key: "24h", label: "24 h", ms: 24 * 3_600_000 },
] as const;
export type LockWindow = typeof LOCK_WINDOWS[number];

export function lockWindow(key: string | null): LockWindow {
  return LOCK_WINDOWS.find((one) => one.key === key) ?? LOCK_WINDOWS[1];
}

/** Of the axis's width this much lies behind. */
export const BEHIND = 0.6;

/** Where a bar stands on an axis of `width` around now; `null` when it is out of sight. */
export function placed(
  { fromMs, toMs }: Pick<Bar, "fromMs" | "toMs">,
  nowMs: number,
  windowMs: number,
  width: number,
): { x: number; width: number; ahead: number } | null {
  const startMs = nowMs - windowMs * BEHIND;
  const xOf = (atMs: number) => Math.min(width, Math.max(0, (atMs - startMs) / windowMs * width));
  const from = xOf(fromMs);
  const to = toMs === null ? width : xOf(toMs);
  if (to <= 0 || from >= width || (to <= from && (toMs ?? Infinity) < startMs)) return null;
  const now = BEHIND * width;
  // Short holds stay visible.
  const end = Math.max(to, from + 2);
  return { x: from, width: end - from, ahead: Math.max(0, end - Math.max(from, now)) };
}

/** What is left of a lock, or `null` for one without an end. */
export function leftMs(
  { expires_at }: Pick<ShownLock, "expires_at">,
  nowMs: number,
): number | null {
  return expires_at === null ? null : Math.max(0, Date.parse(expires_at) - nowMs);
}
