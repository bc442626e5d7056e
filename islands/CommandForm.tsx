import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { FieldInput } from "../components/FieldInput.tsx";
import { argsFrom, errorsByField, fieldsOf, newKey } from "../components/form.ts";
import { inWords } from "../components/format.ts";
import { connect, deviceOf, instrumentNow, status } from "../components/live.ts";
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
  clock: PageClock;
}

type Outcome =
  | { kind: "none" }
  | { kind: "pending" }
  | { kind: "done"; atMs: number; readback: string }
  | { kind: "failed"; text: string; errors: Record<string, string> };

/** One operation of a device. It cannot fire twice, keeps what was typed when it fails, and says why. */
export default function CommandForm(props: Props) {
  const { deviceId, operation, values, failure, clock } = props;
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
    try {
      const reply = await fetch(`/api/v1/devices/${deviceId}/commands`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": newKey() },
        body: JSON.stringify({ op: operation.op, args }),
      });
      const body = await reply.json();
      outcome.value = reply.ok
        ? { kind: "done", atMs: instrumentNow(clock), readback: readbackText(body.readback) }
        : {
          kind: "failed",
          text: body.detail ?? `The instrument answered ${reply.status}`,
          errors: errorsByField(body.errors),
        };
    } catch {
      outcome.value = {
        kind: "failed",
        text: "The instrument did not answer, and the command may still have arrived. " +
          "Look at the reading before you repeat it",
        errors: {},
      };
    }
  }

  const now = outcome.value;
  const pending = now.kind === "pending";
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
          disabled={holder !== null || stopped}
        >
          {pending ? "Waiting for the device" : operation.label}
        </button>
        {holder !== null
          ? (
            <span class="sub">
              held by <b>{holder.label}</b> since{" "}
              <Time atMs={holder.sinceMs} clock={clock} as="minute" />; stop its run to drive it by
              hand
            </span>
          )
          : stopped && <span class="sub">the instrument is stopped; start it again first</span>}
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
