/** Our icon set: 24 × 24, drawn with strokes only so that they take the colour of their text. */
const PATHS = {
  overview: "M4 4h7v9H4z M14 4h6v5h-6z M14 12h6v8h-6z M4 16h7v4H4z",
  devices: "M3 13h4l3-8 4 14 3-6h4",
  experiments:
    "M9 3h6 M10 3v6.5L4.6 18.4A1.7 1.7 0 0 0 6 21h12a1.7 1.7 0 0 0 1.4-2.6L14 9.5V3 M7.5 15h9",
  locks: "M6 11h12v9H6z M8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  alarms: "M12 4 2.8 19.5h18.4z M12 10v4.5 M12 17.2v.3",
  events: "M8 6h12 M8 12h12 M8 18h12 M4 6h.01 M4 12h.01 M4 18h.01",
  "cryo-em":
    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z M8.5 8.5h2v2h-2z M13.5 8.5h2v2h-2z M8.5 13.5h2v2h-2z M13.5 13.5h2v2h-2z",
  settings: "M4 7h9 M17 7h3 M15 5v4 M4 17h3 M11 17h9 M9 15v4",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z M15.5 15.5 20 20",
  download: "M12 4v11 M7.5 11 12 15.5 16.5 11 M4 20h16",
  upload: "M12 16V5 M7.5 9.5 12 5l4.5 4.5 M4 20h16",
  plus: "M12 5v14 M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12 M18 6 6 18",
  check: "M5 12.5 10 17.5 19 7",
  play: "M7 4.5v15l12-7.5z",
  pause: "M8 5v14 M16 5v14",
  file: "M6 3h8l4 4v14H6z M14 3v4h4",
  chevron: "M9 5l7 7-7 7",
  grip: "M9 5h.01 M9 12h.01 M9 19h.01 M15 5h.01 M15 12h.01 M15 19h.01",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  note: "M5 4h14v11l-5 5H5z M14 20v-5h5",
  out: "M14 4h6v6 M20 4 11 13 M18 14v6H4V6h6",
} as const;

export type IconName = keyof typeof PATHS;

/** Decorative beside words; with `label` it stands alone and says what it means. */
export function Icon({ name, label }: { name: IconName; label?: string }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      role={label === undefined ? undefined : "img"}
      aria-label={label}
      aria-hidden={label === undefined ? "true" : undefined}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
