import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { askApi } from "../components/ask_api.ts";
import type { PageClock } from "../components/clock.ts";
import { FieldInput } from "../components/FieldInput.tsx";
import { argsFrom, errorsByField, fieldsOf, newKey } from "../components/form.ts";
import { formatDuration, inWords } from "../components/format.ts";
import { connect, deviceOf, instrumentNow, status } from "../components/live.ts";
import { PAGE_LEASE_MS } from "../components/locks.ts";
import { Time } from "../components/Time.tsx";
import type { Holder, Operation } from "../lib/devices/model.ts";

interface Props {
  deviceId: string;
  operation: Operation;
  /** What stands in the fields at first: the present setpoint, or what a failed post held. */
  values: Record<string, unknown>;
  /** Why a post without scripts failed. */
  failure: { text: string; errors: Record<string, string> } | null;
  /** Who held the device when the page was made. */
  holder: Holder | null;
  stopped: boolean;
  /** Who looks. */
  actor: string;
  clock: PageClock;
}

type Outcome =
  | { kind: "none" }
  | { kind: "pending" }
  | { kind: "done"; atMs: number; readback: string }
  | { kind: "failed"; text: string; errors: Record<string, string> };

/**
 * One operation of a device. It cannot fire twice, keeps what was typed when it fails, and says why. Whoever
 * drives by hand takes the device's lock with it: nobody else interferes for the two minutes after.
 */
export default function CommandForm(props: Props) {
  const { deviceId, operation, values, failure, actor, clock } = props;
  const outcome = useSignal<Outcome>(
    failure === null ? { kind: "none" } : { kind: "failed", ...failure },
  );
  useEffect(connect, []);
  const fields = fieldsOf(operation.args);
  const device = deviceOf(deviceId).value;
  const holder = device === null ? props.holder : device.holder;
  const stopped = status.value === null ? props.stopped : status.value.stopped !== null;

  async function send(event: SubmitEvent) {
    event.preventDefault();
    if (outcome.value.kind === "pending") return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const args = argsFrom(fields, (name) => form.get(name)?.toString() ?? null);
    outcome.value = { kind: "pending" };
    const taken = await askApi("POST", "/locks", {
      devices: [deviceId],
      type: "MANUAL_OPERATOR",
      lease_ms: PAGE_LEASE_MS,
      on_expiry: "keep",
      reason: "by hand on the device's page",
    }, { "idempotency-key": newKey() });
    const reply = !taken.ok ? taken : await askApi(
      "POST",
      `/devices/${deviceId}/commands`,
      { op: operation.op, args },
      { "idempotency-key": newKey(), "x-lock-key": taken.body.key },
    );
    outcome.value = reply.ok
      ? { kind: "done", atMs: instrumentNow(clock), readback: readbackText(reply.body.readback) }
      : {
        kind: "failed",
        text: reply.status === 0
          ? "The instrument did not answer, and the command may still have arrived. " +
            "Look at the reading before you repeat it"
          : reply.body?.detail ?? `The instrument answered ${reply.status}`,
        errors: errorsByField(reply.body?.errors),
      };
  }

  const now = outcome.value;
  const pending = now.kind === "pending";
  const others = holder !== null && holder.actor !== actor ? holder : null;
  const own = others === null ? holder : null;
  return (
    <form method="post" class="command" onSubmit={send}>
      <input type="hidden" name="op" value={operation.op} />
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={field}
          id={`${operation.op}-${field.name}`}
          value={values[field.name]}
          error={now.kind === "failed" ? now.errors[field.name] : undefined}
        />
      ))}
      <div class="row">
        <button
          class="btn btn-main"
          type="submit"
          aria-busy={pending}
          disabled={others !== null || stopped}
        >
          {pending ? "Waiting for the device" : operation.label}
        </button>
        {others !== null
          ? (
            <span class="sub">
              held by <b>{others.label}</b> since{" "}
              <Time atMs={others.sinceMs} clock={clock} as="minute" />;{" "}
              <a href="/locks">ask for control</a>, or stop its run
            </span>
          )
          : stopped
          ? <span class="sub">the instrument is stopped; start it again first</span>
          : own !== null && own.expiresAtMs !== null && (
            <span class="sub num">
              yours for {formatDuration(own.expiresAtMs - instrumentNow(clock))};{" "}
              <a href="/locks">give it back</a>
            </span>
          )}
      </div>
      <div role="status">
        {now.kind === "done" && (
          <p class="sub num outcome">
            done at <Time atMs={now.atMs} clock={clock} />: it reports {now.readback}
          </p>
        )}
      </div>
      {now.kind === "failed" && (
        <p class="notice notice-crit" role="alert">
          <span class="dot" />
          <span class="grow">{now.text}</span>
        </p>
      )}
    </form>
  );
}

/** What came back, without the lists only programs read. */
function readbackText(readback: Record<string, unknown> | null): string {
  const parts = Object.entries(readback ?? {})
    .filter(([, value]) => ["number", "string", "boolean"].includes(typeof value))
    .map(([name, value]) => `${inWords(name)} ${value}`);
  return parts.length === 0 ? "nothing" : parts.join(", ");
}
