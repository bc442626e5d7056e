import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { inWords } from "../components/format.ts";
import { FAULT_KINDS, faultAsk, SCALES, type SimulatedFault } from "../components/simulator.ts";

interface Props {
  devices: { deviceId: string; label: string }[];
  /** Faults and speed as the page was made; `null` where the simulator did not answer. */
  faults: SimulatedFault[];
  scale: number;
  /** What a form without scripts was told. */
  failure: string | null;
}

/** Rehearsal: faults on demand and a faster clock, on simulated devices only. */
export default function SimulatorPanel(props: Props) {
  const { devices } = props;
  const faults = useSignal(props.faults);
  const scale = useSignal(props.scale);
  const failure = useSignal(props.failure);
  const pending = useSignal(false);

  async function ask(method: string, path: string, body?: unknown): Promise<boolean> {
    pending.value = true;
    const reply = await fetch(`/api/v1/simulator/${path}`, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    }).catch(() => null);
    const answer = await reply?.json().catch(() => null);
    failure.value = reply?.ok ? null : answer?.detail ?? "The simulator did not answer";
    const list = await fetch("/api/v1/simulator/faults").catch(() => null);
    if (list?.ok) faults.value = (await list.json()).faults;
    pending.value = false;
    return reply?.ok === true;
  }

  // Faults end by themselves.
  useEffect(() => {
    const again = setInterval(async () => {
      if (document.hidden || faults.value.length === 0) return;
      const list = await fetch("/api/v1/simulator/faults").catch(() => null);
      if (list?.ok) faults.value = (await list.json()).faults;
    }, 3000);
    return () => clearInterval(again);
  }, []);

  async function add(event: SubmitEvent) {
    event.preventDefault();
    if (pending.value) return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const seconds = Number(form.get("seconds"));
    await ask(
      "POST",
      "faults",
      faultAsk(String(form.get("device")), String(form.get("kind")), seconds),
    );
  }

  const nameOf = (id: string) => devices.find(({ deviceId }) => deviceId === id)?.label ?? id;
  return (
    <section class="card wide" id="simulator" aria-label="Simulator">
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
      <form class="row filter" method="post" action="/settings/simulator" onSubmit={add}>
        <span class="pair">
          <label for="fault-device">Device</label>
          <select id="fault-device" name="device">
            {devices.map(({ deviceId, label }) => (
              <option key={deviceId} value={deviceId}>{label}</option>
            ))}
          </select>
        </span>
        <span class="pair">
          <label class="visually-hidden" for="fault-kind">Fault</label>
          <select id="fault-kind" name="kind">
            {FAULT_KINDS.map(({ kind, label }) => <option key={kind} value={kind}>{label}</option>)}
          </select>
        </span>
        <span class="pair">
          <label for="fault-seconds">for</label>
          <span class="with-unit">
            <input
              class="short"
              id="fault-seconds"
              name="seconds"
              type="number"
              min={0}
              defaultValue="60"
            />
            <span class="unit">s, 0 until cleared</span>
          </span>
        </span>
        <button class="btn" type="submit" name="act" value="add" aria-busy={pending.value}>
          Add fault
        </button>
      </form>
      {faults.value.length > 0 && (
        <ul class="plain-list">
          {faults.value.map((fault) => (
            <li key={fault.id}>
              <b>{nameOf(fault.deviceId)}</b>{" "}
              {FAULT_KINDS.find(({ kind }) => kind === fault.kind)?.label ?? inWords(fault.kind)}
              {!fault.active && <small>not yet</small>}
            </li>
          ))}
        </ul>
      )}
      <div class="row">
        {faults.value.length > 0 && (
          <form
            method="post"
            action="/settings/simulator"
            onSubmit={(event) => {
              event.preventDefault();
              ask("DELETE", "faults");
            }}
          >
            <button class="btn" type="submit" name="act" value="clear">Clear all faults</button>
          </form>
        )}
        <form class="row" method="post" action="/settings/simulator">
          <label for="time-scale">Simulated seconds a second</label>
          <select
            id="time-scale"
            name="scale"
            onChange={async (event) => {
              const next = Number(event.currentTarget.value);
              if (await ask("PUT", "time-scale", { scale: next })) scale.value = next;
            }}
          >
            {[...new Set([...SCALES, scale.value])].map((n) => (
              <option key={n} value={String(n)} selected={n === scale.value}>{n}</option>
            ))}
          </select>
          <noscript>
            <button class="btn" type="submit" name="act" value="scale">Use</button>
          </noscript>
        </form>
      </div>
    </section>
  );
}
