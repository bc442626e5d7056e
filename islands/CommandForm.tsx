import { useSignal } from "@preact/signals";
import { argsFrom, type Field, fieldsOf } from "../components/form.ts";
import { formatClock } from "../components/format.ts";
import { deviceOf } from "../components/live.ts";
import type { Operation } from "../lib/devices/model.ts";

interface Props {
  deviceId: string;
  operation: Operation;
  /** What stands in the fields at first: the present setpoint, or what a failed post held. */
  values: Record<string, unknown>;
  /** Why a post without scripts failed. */
  failure: string | null;
}

type Outcome =
  | { kind: "none" }
  | { kind: "pending" }
  | { kind: "done"; atMs: number; readback: string }
  | { kind: "failed"; text: string; errors: Record<string, string> };

/** One operation of a device. It cannot fire twice, keeps what was typed when it fails, and says why. */
export default function CommandForm({ deviceId, operation, values, failure }: Props) {
  const outcome = useSignal<Outcome>(
    failure === null ? { kind: "none" } : { kind: "failed", text: failure, errors: {} },
  );
  const fields = fieldsOf(operation.args);
  const holder = deviceOf(deviceId).value?.holder ?? null;

  async function send(event: SubmitEvent) {
    event.preventDefault();
    if (outcome.value.kind === "pending") return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const args = argsFrom(fields, (name) => form.get(name)?.toString() ?? null);
    outcome.value = { kind: "pending" };
    try {
      const reply = await fetch(`/api/v1/devices/${deviceId}/commands`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
        body: JSON.stringify({ op: operation.op, args }),
      });
      const body = await reply.json();
      outcome.value = reply.ok
        ? { kind: "done", atMs: Date.now(), readback: readbackText(body.readback) }
        : { kind: "failed", text: body.detail, errors: errorsByField(body.errors) };
    } catch {
      outcome.value = {
        kind: "failed",
        text:
          "The instrument did not answer; the command may still have arrived. Look at the reading before you repeat it",
        errors: {},
      };
    }
  }

  const now = outcome.value;
  return (
    <form method="post" class="command" onSubmit={send}>
      <input type="hidden" name="op" value={operation.op} />
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={field}
          prefix={`${operation.op}-`}
          value={values[field.name]}
          error={now.kind === "failed" ? now.errors[field.name] : undefined}
        />
      ))}
      <div class="row">
        <button class="btn btn-main" type="submit" aria-busy={now.kind === "pending"}>
          {now.kind === "pending" ? "Waiting for the device" : operation.label}
        </button>
        {holder !== null && <span class="sub">held by {holder.label}</span>}
        {now.kind === "done" && (
          <span class="sub num" role="status">
            done at {formatClock(now.atMs)}; it reports {now.readback}
          </span>
        )}
      </div>
      {now.kind === "failed" && (
        <p class="notice" role="alert">
          <span class="dot" />
          <span class="grow">{now.text}</span>
        </p>
      )}
    </form>
  );
}

function FieldInput(
  { field, prefix, value, error }: {
    field: Field;
    prefix: string;
    value: unknown;
    error?: string;
  },
) {
  const id = prefix + field.name;
  const shown = value === undefined || value === null ? field.initial ?? "" : String(value);
  const described = field.hint === "" ? undefined : `${id}-hint`;
  return (
    <div class="field">
      <label for={id}>{field.label}</label>
      {field.kind === "choice"
        ? (
          <select id={id} name={field.name} aria-describedby={described}>
            {!field.required && field.initial === undefined && <option value="">unchanged</option>}
            {field.choices!.map((choice) => (
              <option key={choice} value={choice} selected={choice === shown}>{choice}</option>
            ))}
          </select>
        )
        : field.kind === "boolean"
        ? <input id={id} name={field.name} type="checkbox" checked={shown === "true"} />
        : (
          <input
            id={id}
            name={field.name}
            type={field.kind === "text" ? "text" : "number"}
            inputMode={field.kind === "text" ? undefined : "decimal"}
            step={field.kind === "integer" ? 1 : "any"}
            min={field.min}
            max={field.max}
            required={field.required}
            defaultValue={shown}
            aria-describedby={described}
            aria-invalid={error === undefined ? undefined : "true"}
          />
        )}
      {described !== undefined && <span class="hint" id={described}>{field.hint}</span>}
      {error !== undefined && <span class="error">{error}</span>}
    </div>
  );
}

function readbackText(readback: Record<string, unknown> | null): string {
  if (readback === null) return "nothing";
  return Object.entries(readback)
    .filter(([, value]) => ["number", "string", "boolean"].includes(typeof value))
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`)
    .join(", ");
}

function errorsByField(errors: unknown): Record<string, string> {
  if (!Array.isArray(errors)) return {};
  return Object.fromEntries(
    errors.map(({ path, message }) => [String(path).replace(/^(body\.)?(args\.)?/, ""), message]),
  );
}
