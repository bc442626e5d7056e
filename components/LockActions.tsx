import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type ApiAnswer, askApi } from "./ask_api.ts";
import { newKey } from "./form.ts";
import { type BoardRow, PAGE_LEASE_MS, type ShownLock } from "./locks.ts";

/** Who asks for control on a page stands in line this long. */
const PAGE_WAIT_MS = 10 * 60_000;
/** A ticket nobody asks for is given up after 30 s. */
const TICKET_POLL_MS = 10_000;

interface Props {
  row: BoardRow;
  actor: string;
  mayForce: boolean;
  onChange(): void;
}

/** What may be done about one device's lock now. Forms without scripts; with them nothing reloads. */
export function LockActions({ row, actor, mayForce, onChange }: Props) {
  const pending = useSignal<string | null>(null);
  const failure = useSignal<string | null>(null);
  const ticket = useRef<{ id: string; key: string } | null>(null);
  const mine = row.locks.find(({ owner }) => owner.principal === actor);
  const waits = row.waiting.find(({ owner }) => owner.principal === actor);
  const other = row.locks.find(({ owner }) => owner.principal !== actor);

  useEffect(() => {
    const poll = setInterval(async () => {
      if (ticket.current === null) return;
      const { id, key } = ticket.current;
      const { ok, body } = await send("GET", `/tickets/${id}`, null, key);
      if (!ok || body.grant !== null || body.ticket === null) ticket.current = null;
    }, TICKET_POLL_MS);
    return () => clearInterval(poll);
  }, []);

  /** One press, one act; what it meets is said beside it. */
  async function act(
    event: SubmitEvent,
    doing: string,
    run: (form: FormData) => Promise<ApiAnswer>,
  ) {
    event.preventDefault();
    if (pending.value !== null) return;
    pending.value = doing;
    const { ok, body } = await run(new FormData(event.currentTarget as HTMLFormElement));
    failure.value = ok ? null : body?.detail ?? "The instrument did not answer";
    pending.value = null;
    onChange();
  }

  const take = (event: SubmitEvent) =>
    act(event, "take", () => request({ devices: [row.deviceId], type: "MANUAL_OPERATOR" }));
  const ask = (event: SubmitEvent) =>
    act(event, "ask", async () => {
      const answer = await send(
        "POST",
        "/locks",
        {
          devices: [row.deviceId],
          type: "MANUAL_OPERATOR",
          lease_ms: PAGE_LEASE_MS,
          wait_ms: PAGE_WAIT_MS,
          reason: "asks for control",
        },
        null,
        { prefer: "respond-async" },
      );
      if (answer.ok && answer.body?.ticket !== undefined) {
        ticket.current = { id: answer.body.ticket, key: answer.body.key };
      }
      return answer;
    });
  const leave = (event: SubmitEvent) =>
    act(event, "leave", async () => {
      const answer = await send("DELETE", `/tickets/${waits!.ticket}`, null, ticket.current?.key);
      ticket.current = null;
      return answer;
    });
  const seize = (event: SubmitEvent) =>
    act(event, "seize", (form) =>
      request({
        devices: [row.deviceId],
        type: "MANUAL_OPERATOR",
        preempt: "force",
        reason: String(form.get("reason") ?? ""),
      }));

  return (
    <>
      {row.locks.length === 0 && (
        <Act name="take" row={row} label="Take control" pending={pending.value} onSubmit={take} />
      )}
      {mine !== undefined && <Own lock={mine} row={row} pending={pending.value} act={act} />}
      {mine === undefined && other !== undefined && (
        waits === undefined
          ? (
            <Act
              name="ask"
              row={row}
              label="Ask for control"
              pending={pending.value}
              onSubmit={ask}
            />
          )
          : (
            <Act
              name="leave"
              row={row}
              ticket={waits.ticket}
              label="Leave the line"
              pending={pending.value}
              onSubmit={leave}
            />
          )
      )}
      {mayForce && mine === undefined && other !== undefined && (
        <details class="menu confirm">
          <summary class="btn btn-danger">Take over</summary>
          <form class="menu-list below" method="post" action="/locks" onSubmit={seize}>
            <input type="hidden" name="action" value="seize" />
            <input type="hidden" name="device" value={row.deviceId} />
            <p>
              {other.owner.label} loses {other.devices.join(", ")}{" "}
              at once, and its actuators go to their safe state.
            </p>
            <label class="field">
              <span class="label">Why</span>
              <input name="reason" required minLength={3} maxLength={200} autocomplete="off" />
            </label>
            <button class="btn btn-danger" type="submit" aria-busy={pending.value === "seize"}>
              Take over {row.label}
            </button>
          </form>
        </details>
      )}
      {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
    </>
  );
}

/** What a holder does with its own lock. */
function Own(
  { lock, row, pending, act }: {
    lock: ShownLock;
    row: BoardRow;
    pending: string | null;
    act(event: SubmitEvent, doing: string, run: (form: FormData) => Promise<ApiAnswer>): void;
  },
) {
  const owned =
    (run: (key: string, form: FormData) => Promise<ApiAnswer>) => async (form: FormData) => {
      // Asking again for what one holds gives its key, and the time it lives from now.
      const { devices, type, mode, plan_uid } = lock;
      const again = await request({ devices, type, mode, plan_uid });
      return again.ok ? await run(again.body.key, form) : again;
    };
  const path = `/locks/${lock.id}`;
  return (
    <>
      {lock.revoke !== null && (
        <>
          <Act
            name="yield"
            row={row}
            label="Yield"
            pending={pending}
            onSubmit={(event) =>
              act(
                event,
                "yield",
                owned((key) => send("POST", `${path}/ack`, { yield: true }, key)),
              )}
          />
          {lock.revoke.refusable && (
            <Act
              name="refuse"
              row={row}
              label="Refuse"
              pending={pending}
              onSubmit={(event) =>
                act(
                  event,
                  "refuse",
                  owned((key) => send("POST", `${path}/ack`, { yield: false }, key)),
                )}
            />
          )}
        </>
      )}
      {lock.lease_ms !== null && (
        <Act
          name="renew"
          row={row}
          label="Keep"
          title={`It lives ${PAGE_LEASE_MS / 60_000} more minutes from now`}
          pending={pending}
          onSubmit={(event) => act(event, "renew", owned((_key) => Promise.resolve(DONE)))}
        />
      )}
      <Act
        name="release"
        row={row}
        label="Give back"
        pending={pending}
        onSubmit={(event) =>
          act(event, "release", owned((key) => send("POST", `${path}/release`, {}, key)))}
      />
      <details class="menu confirm">
        <summary class="btn btn-quiet">Hand over</summary>
        <form
          class="menu-list below"
          method="post"
          action="/locks"
          onSubmit={(event) =>
            act(
              event,
              "transfer",
              owned((key, form) =>
                send("POST", `${path}/transfer`, { to: String(form.get("to") ?? "") }, key)
              ),
            )}
        >
          <input type="hidden" name="action" value="transfer" />
          <input type="hidden" name="device" value={row.deviceId} />
          <label class="field">
            <span class="label">To whom</span>
            <input name="to" required maxLength={100} autocomplete="off" />
          </label>
          <button class="btn" type="submit" aria-busy={pending === "transfer"}>Hand over</button>
        </form>
      </details>
    </>
  );
}

function Act(
  { name, row, label, title, ticket, pending, onSubmit }: {
    name: string;
    row: BoardRow;
    label: string;
    title?: string;
    ticket?: string;
    pending: string | null;
    onSubmit(event: SubmitEvent): void;
  },
) {
  return (
    <form method="post" action="/locks" onSubmit={onSubmit}>
      <input type="hidden" name="action" value={name} />
      <input type="hidden" name="device" value={row.deviceId} />
      {ticket !== undefined && <input type="hidden" name="ticket" value={ticket} />}
      <button class="btn" type="submit" title={title} aria-busy={pending === name}>{label}</button>
    </form>
  );
}

const DONE: ApiAnswer = { ok: true, status: 200, body: null };

function request(
  ask: {
    devices: readonly string[];
    type: string;
    mode?: string;
    plan_uid?: string | null;
    preempt?: string;
    reason?: string;
  },
): Promise<ApiAnswer> {
  return send("POST", "/locks", { lease_ms: PAGE_LEASE_MS, on_expiry: "keep", ...ask });
}

function send(
  method: "GET" | "POST" | "DELETE",
  path: string,
  body: unknown,
  key?: string | null,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  return askApi(method, path, body, {
    ...(method === "POST" && path === "/locks" ? { "idempotency-key": newKey() } : {}),
    ...(key ? { "x-lock-key": key } : {}),
    ...headers,
  });
}
