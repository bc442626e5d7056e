import type { IconName } from "./Icon.tsx";

export interface Place {
  readonly href: string;
  readonly label: string;
  readonly icon: IconName;
  /** Second key after `g`. */
  readonly key: string;
  /** Only where there is something of it. */
  readonly needs?: "cryo-em";
}

/** The rail, the bottom bar, the palette and the `g` keys all read this list through `placesWith`. */
const PLACES: readonly Place[] = [
  { href: "/", label: "Overview", icon: "overview", key: "o" },
  { href: "/devices", label: "Devices", icon: "devices", key: "d" },
  { href: "/experiments", label: "Experiments", icon: "experiments", key: "x" },
  { href: "/locks", label: "Locks", icon: "locks", key: "l" },
  { href: "/epu", label: "Cryo-EM", icon: "cryo-em", key: "c", needs: "cryo-em" },
  { href: "/alarms", label: "Alarms", icon: "alarms", key: "a" },
  { href: "/events", label: "Events", icon: "events", key: "e" },
  { href: "/settings", label: "Settings", icon: "settings", key: "s" },
];

/** The places of an instrument with or without cryo-EM sessions. */
export function placesWith({ cryoEm }: { cryoEm: boolean }): readonly Place[] {
  return PLACES.filter(({ needs }) => needs === undefined || cryoEm);
}

/** The place a path belongs to: `/devices/stirrer` belongs to Devices. */
export function placeOf(pathname: string): Place | undefined {
  return PLACES.find(({ href }) =>
    href === "/" ? pathname === "/" : pathname === href || pathname.startsWith(`${href}/`)
  );
}
