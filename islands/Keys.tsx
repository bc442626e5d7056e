import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { PLACES } from "../components/nav.ts";

interface Choice {
  label: string;
  hint: string;
  href: string;
}

const ACTIONS: Choice[] = [
  { label: "Submit an experiment", hint: "action", href: "/experiments/new" },
  { label: "API description", hint: "docs", href: "/docs" },
  { label: "Change theme", hint: "action", href: "/settings#theme" },
];

/** Keyboard ways around the page. No key here moves hardware, and Escape only closes dialogs. */
export default function Keys() {
  const palette = useRef<HTMLDialogElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const choices = useSignal<Choice[]>([]);
  const query = useSignal("");
  const at = useSignal(0);

  const found = choices.value
    .filter(({ label, hint }) => matches(`${label} ${hint}`, query.value))
    .slice(0, 12);

  async function openPalette() {
    query.value = "";
    at.value = 0;
    choices.value = placesAndActions();
    palette.current?.showModal();
    choices.value = [...placesAndActions(), ...await devicesAndExperiments()];
  }

  useEffect(() => {
    let prefixAtMs = 0;
    function press(event: KeyboardEvent) {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      if (event.key === "?") {
        help.current?.showModal();
      } else if (event.key === "g") {
        prefixAtMs = event.timeStamp;
      } else if (event.timeStamp - prefixAtMs < 1500) {
        prefixAtMs = 0;
        const place = PLACES.find(({ key }) => key === event.key);
        if (place !== undefined) location.href = place.href;
      }
    }
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);

  function pick(event: KeyboardEvent) {
    if (event.key === "ArrowDown") at.value = Math.min(at.value + 1, found.length - 1);
    else if (event.key === "ArrowUp") at.value = Math.max(at.value - 1, 0);
    else if (event.key === "Enter" && found[at.value] !== undefined) {
      location.href = found[at.value]!.href;
    } else return;
    event.preventDefault();
  }

  return (
    <>
      <dialog class="palette" ref={palette} aria-label="Go to">
        <input
          type="search"
          placeholder="Go to a page, device or experiment"
          aria-label="Go to a page, device or experiment"
          aria-controls="palette-found"
          value={query}
          onInput={(event) => {
            query.value = event.currentTarget.value;
            at.value = 0;
          }}
          onKeyDown={pick}
        />
        <ul id="palette-found">
          {found.map((choice, index) => (
            <li key={choice.href + choice.label}>
              <a href={choice.href} aria-current={index === at.value ? "true" : undefined}>
                {choice.label} <small>{choice.hint}</small>
              </a>
            </li>
          ))}
          {found.length === 0 && <li class="empty">Nothing is called that here.</li>}
        </ul>
      </dialog>
      <dialog class="keys" ref={help} aria-label="Keys">
        <h2>Keys</h2>
        <dl>
          <dt>
            <kbd>Ctrl</kbd> <kbd>K</kbd>
          </dt>
          <dd>go to a page, device or experiment</dd>
          {PLACES.map(({ key, label }) => (
            <>
              <dt>
                <kbd>g</kbd> <kbd>{key}</kbd>
              </dt>
              <dd>{label}</dd>
            </>
          ))}
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>this list</dd>
        </dl>
        <form method="dialog">
          <button class="btn" type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
}

function placesAndActions(): Choice[] {
  return [...PLACES.map(({ href, label }) => ({ href, label, hint: "page" })), ...ACTIONS];
}

async function devicesAndExperiments(): Promise<Choice[]> {
  const [devices, experiments] = await Promise.all([
    fetchJson<{ devices: { capability: { deviceId: string; label: string } }[] }>(
      "/api/v1/devices",
    ),
    fetchJson<{ experiments: { id: string; number: number; title: string }[] }>(
      "/api/v1/experiments?limit=50",
    ),
  ]);
  return [
    ...(devices?.devices ?? []).map(({ capability: { deviceId, label } }) => ({
      label,
      hint: "device",
      href: `/devices/${deviceId}`,
    })),
    ...(experiments?.experiments ?? []).map(({ id, number, title }) => ({
      label: title,
      hint: `experiment ${number}`,
      href: `/experiments/${id}`,
    })),
  ];
}

async function fetchJson<T>(url: string): Promise<T | null> {
  const reply = await fetch(url).catch(() => null);
  return reply?.ok ? await reply.json() : null;
}

function matches(text: string, query: string): boolean {
  const low = text.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => low.includes(word));
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}
