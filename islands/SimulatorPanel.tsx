import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

interface Props {
  devices: { deviceId: string; label: string }[];
}

interface Fault {
  id: number;
  deviceId: string;
  kind: string;
}

const KINDS = ["no_answer", "disconnect", "crc", "stuck", "drift", "slow"];

/** Rehearsal: faults on demand and a faster clock, on simulated devices only. */
export default function SimulatorPanel({ devices }: Props) {
  const faults = useSignal<Fault[]>([]);
  const scale = useSignal(1);
  const failure = useSignal<string | null>(null);

  async function ask(method: string, path: string, body?: unknown) {
    const reply = await fetch(`/api/v1/simulator/${path}`, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    }).catch(() => null);
    const answer = await reply?.json().catch(() => null);
    failure.value = reply?.ok ? null : answer?.detail ?? "The simulator did not answer";
    return reply?.ok ? answer : null;
  }

  async function refresh() {
    const answer = await ask("GET", "faults");
    if (answer !== null) {
      faults.value = answer.faults;
      if (typeof answer.timeScale === "number") scale.value = answer.timeScale;
    }
  }
  useEffect(() => void refresh(), []);

  async function add(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const seconds = Number(form.get("seconds"));
    await ask("POST", "faults", {
      deviceId: form.get("device"),
      kind: form.get("kind"),
      durationS: seconds > 0 ? seconds : null,
      ...(form.get("kind") === "drift" ? { magnitude: 10 } : {}),
      ...(form.get("kind") === "slow" ? { magnitude: 1500 } : {}),
    });
    await refresh();
  }

  return (
    <section class="card wide" id="simulator">
      <header>
        <h2>Simulator</h2>
        <span class="sub">
          rehearse a fault before it happens; only simulated devices are touched
        </span>
      </header>
      {failure.value !== null && (
        <p class="notice" role="alert">
          <span class="dot" />
          <span class="grow">{failure.value}</span>
        </p>
      )}
      <form class="row filter" onSubmit={add}>
        <label for="fault-device">Device</label>
        <select id="fault-device" name="device">
          {devices.map(({ deviceId, label }) => (
            <option key={deviceId} value={deviceId}>{label}</option>
          ))}
        </select>
        <label for="fault-kind">Fault</label>
        <select id="fault-kind" name="kind">
          {KINDS.map((kind) => <option key={kind} value={kind}>{kind.replace("_", " ")}</option>)}
        </select>
        <label for="fault-seconds">for</label>
        <span class="with-unit">
          <input id="fault-seconds" name="seconds" type="number" min={0} defaultValue="60" />
          <span class="unit">s</span>
        </span>
        <button class="btn" type="submit">Add fault</button>
      </form>
      <ul class="plain-list">
        {faults.value.map((fault) => (
          <li key={fault.id}>
            <b>{fault.deviceId}</b> {fault.kind.replace("_", " ")}
          </li>
        ))}
      </ul>
      <div class="row">
        {faults.value.length > 0 && (
          <button
            type="button"
            class="btn"
            onClick={async () => {
              await ask("DELETE", "faults");
              await refresh();
            }}
          >
            Clear all faults
          </button>
        )}
        <label for="time-scale">Simulated seconds a second</label>
        <select
          id="time-scale"
          value={String(scale.value)}
          onChange={async (event) => {
            const timeScale = Number(event.currentTarget.value);
            if (await ask("PUT", "time-scale", { timeScale }) !== null) scale.value = timeScale;
          }}
        >
          {[1, 10, 60, 600, 1000].map((n) => <option key={n} value={String(n)}>{n}</option>)}
        </select>
      </div>
    </section>
  );
}
