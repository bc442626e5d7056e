import { useSignal } from "@preact/signals";
import { type RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { placesWith } from "../components/nav.ts";
import { adoptZone } from "../components/Time.tsx";

interface Choice {
  label: string;
  hint: string;
  href: string;
}

const ACTIONS: Choice[] = [
  { label: "Submit an experiment", hint: "action", href: "/experiments/new" },
  { label: "Change theme", hint: "action", href: "/settings#theme" },
  { label: "Issue an API token", hint: "action", href: "/settings#tokens" },
  { label: "API description", hint: "docs", href: "/docs" },
  { label: "Problems and what to do", hint: "docs", href: "/problems" },
];
const FOUND_MOST = 10;
/** After `g`, the next letter counts for so long. */
const PREFIX_MS = 1500;

/**
 * Keyboard ways around the page, and what every page does once it is awake. No key here moves hardware,
 * and Escape only closes what is open. Nothing is modal: STOP can be pressed at any moment.
 */
export default function Keys({ cryoEm }: { cryoEm: boolean }) {
  const all = placesWith({ cryoEm });
  const palette = useRef<HTMLDialogElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const choices = useSignal<Choice[]>([]);
  const query = useSignal("");
  const back = useRef<HTMLElement | null>(null);

  const found = choices.value
    .filter(({ label, hint }) => matches(`${label} ${hint}`, query.value))
    .slice(0, FOUND_MOST);

  function open(dialog: RefObject<HTMLDialogElement>) {
    if (dialog.current?.open !== false) return;
    close();
    back.current = document.activeElement as HTMLElement | null;
    dialog.current.show();
  }

  /** Whether anything was open. */
  function close(): boolean {
    const open = [palette.current, help.current].filter((dialog) => dialog?.open);
    for (const dialog of open) dialog!.close();
    const menus = document.querySelectorAll<HTMLDetailsElement>("details.menu[open]");
    for (const menu of menus) {
      menu.open = false;
      if (menu.contains(document.activeElement)) menu.querySelector("summary")?.focus();
    }
    if (open.length > 0) back.current?.focus();
    return open.length + menus.length > 0;
  }

  const pages = all.map(({ href, label }) => ({ href, label, hint: "page" }));
  async function openPalette() {
    query.value = "";
    choices.value = [...pages, ...ACTIONS];
    open(palette);
    choices.value = [...pages, ...ACTIONS, ...await devicesAndExperiments()];
  }

  useEffect(() => {
    adoptZone();
    let prefixAtMs = -PREFIX_MS;
    function press(event: KeyboardEvent) {
      if (event.key === "Escape") {
        if (close()) event.preventDefault();
        return;
      }
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      if (event.key === "?") {
        open(help);
      } else if (event.key === "g") {
        prefixAtMs = event.timeStamp;
      } else if (event.timeStamp - prefixAtMs < PREFIX_MS) {
        prefixAtMs = -PREFIX_MS;
        const place = all.find(({ key }) => key === event.key);
        if (place !== undefined) location.href = place.href;
      }
    }
    function pressElsewhere(event: PointerEvent) {
      const inside = (element: Element | null) => element?.contains(event.target as Node);
      for (const dialog of [palette.current, help.current]) {
        if (dialog?.open && !inside(dialog)) dialog.close();
      }
      for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
        if (!inside(menu)) menu.open = false;
      }
    }
    addEventListener("keydown", press);
    addEventListener("pointerdown", pressElsewhere);
    return () => {
      removeEventListener("keydown", press);
      removeEventListener("pointerdown", pressElsewhere);
    };
  }, []);

  /** Arrows go through the list, from the field and back to it. */
  function walk(event: KeyboardEvent) {
    const input = palette.current!.querySelector("input")!;
    const stops = [input, ...palette.current!.querySelectorAll<HTMLElement>("a")];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Enter" && at === 0 && found[0] !== undefined) location.href = found[0].href;
    else if (event.key === "ArrowDown") stops[Math.min(at + 1, stops.length - 1)]?.focus();
    else if (event.key === "ArrowUp") stops[Math.max(at - 1, 0)]?.focus();
    else return;
    event.preventDefault();
  }

  return (
    <>
      <dialog class="palette" ref={palette} aria-label="Go to" onKeyDown={walk}>
        <input
          type="search"
          placeholder="Go to a page, device or experiment"
          aria-label="Go to a page, device or experiment"
          autocomplete="off"
          value={query}
          onInput={(event) => query.value = event.currentTarget.value}
        />
        <ul>
          {found.map((choice, index) => (
            <li key={choice.href + choice.label}>
              <a
                href={choice.href}
                class={index === 0 ? "first" : undefined}
                aria-current="false"
              >
                {choice.label} <small>{choice.hint}</small>
              </a>
            </li>
          ))}
        </ul>
        {found.length === 0 && <p class="empty">Nothing is called that here.</p>}
      </dialog>
      <dialog class="keys" ref={help} aria-label="Keys">
        <h2>Keys</h2>
        <dl>
          <Key keys={["Ctrl", "K"]} what="go to a page, device or experiment" />
          {all.map(({ key, label }) => (
            <Key key={key} keys={["g", key]} what={label.toLowerCase()} />
          ))}
          <Key keys={["+", "−"]} what="zoom a chart that has the focus" />
          <Key keys={["←", "→"]} what="move along it" />
          <Key keys={["Home"]} what="back to live" />
          <Key keys={["Esc"]} what="close what is open; it never stops hardware" />
          <Key keys={["?"]} what="this list" />
        </dl>
        <p class="sub">
          On a chart: drag to zoom, double click to go back, <kbd>Ctrl</kbd> with the wheel to zoom,
          {" "}
          <kbd>Shift</kbd> to move.
        </p>
        <form method="dialog">
          <button class="btn" type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
}

function Key({ keys, what }: { keys: string[]; what: string }) {
  return (
    <div>
      <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
      <dd>{what}</dd>
    </div>
  );
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
