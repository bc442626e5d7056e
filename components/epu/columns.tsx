import { formatTime, NO_VALUE } from "../format.ts";
import type { PageClock } from "../clock.ts";
import { Time } from "../Time.tsx";
import { qualityOf } from "./colour.ts";
import type { Column } from "./EpuTable.tsx";
import { isImaged } from "./list.ts";
import { ExposureCell } from "./Progress.tsx";
import {
  counted,
  inMicrometres,
  type Resolutions,
  type ShownHole,
  type ShownMicrograph,
  type ShownSquare,
  stateInWords,
} from "./shown.ts";

interface Links {
  /** Where a row's own name leads, and what a press on it does instead. */
  href(id: number): string;
  onOpen(event: MouseEvent, id: number): void;
}

function yes(value: boolean | null): string {
  return value === true ? "yes" : value === false ? "no" : NO_VALUE;
}

function placeIn(order: number | null): string {
  return order === null || order < 0 ? NO_VALUE : String(order + 1);
}

export function squareColumns(
  { href, onOpen, resolutions }: Links & { resolutions: Resolutions },
): Column<ShownSquare>[] {
  return [
    {
      sort: "square",
      label: "Square",
      cell: ({ squareId }) => (
        <a href={href(squareId)} onClick={(event) => onOpen(event, squareId)}>{squareId}</a>
      ),
    },
    {
      sort: "state",
      label: "State",
      wide: true,
      cell: ({ state, unusable }) => unusable === true ? "unusable" : stateInWords(state),
    },
    { sort: "selected", label: "Selected", cell: ({ selected }) => yes(selected) },
    {
      label: "Imaged",
      wide: true,
      cell: (square) => yes(isImaged(square)),
    },
    {
      sort: "category",
      label: "Category",
      numeric: true,
      wide: true,
      cell: ({ category }) => category ?? NO_VALUE,
    },
    {
      sort: "order",
      label: "Order",
      numeric: true,
      wide: true,
      cell: ({ order }) => placeIn(order),
    },
    {
      sort: "holes",
      label: "Holes done / selected",
      numeric: true,
      wide: true,
      cell: ({ holes, holesFinished, holesSelected }) =>
        holes === 0 ? NO_VALUE : `${holesFinished} / ${holesSelected}`,
    },
    {
      sort: "progress",
      label: "Seen / listed / expected",
      numeric: true,
      cell: ({ exposures, holes }) =>
        holes === 0 && exposures.seen === 0 ? NO_VALUE : <ExposureCell exposures={exposures} />,
    },
    {
      sort: "ctf",
      label: "CTF",
      numeric: true,
      wide: true,
      cell: ({ squareId }) =>
        resolutions[squareId] === undefined ? NO_VALUE : `${resolutions[squareId]!.toFixed(2)} Å`,
    },
    {
      label: "Note",
      wide: true,
      cell: ({ note }) => note === null ? "" : <span class="cut" title={note}>{note}</span>,
    },
  ];
}

export function holeColumns({ href, onOpen }: Links): Column<ShownHole>[] {
  return [
    {
      sort: "hole",
      label: "Hole",
      cell: ({ holeId }) => (
        <a href={href(holeId)} onClick={(event) => onOpen(event, holeId)}>{holeId}</a>
      ),
    },
    { sort: "state", label: "State", wide: true, cell: ({ state }) => stateInWords(state) },
    { sort: "selected", label: "Selected", cell: ({ selected }) => yes(selected) },
    { label: "Near bar", wide: true, cell: ({ nearGridBar }) => yes(nearGridBar) },
    {
      sort: "order",
      label: "Order",
      numeric: true,
      wide: true,
      cell: ({ order }) => placeIn(order),
    },
    {
      sort: "seen",
      label: "Seen / listed / expected",
      numeric: true,
      cell: ({ exposures }) => <ExposureCell exposures={exposures} />,
    },
    {
      sort: "intensity",
      label: "Intensity",
      numeric: true,
      wide: true,
      cell: ({ intensityMean, intensitySd }) =>
        intensityMean === null
          ? NO_VALUE
          : `${intensityMean.toFixed(0)}${
            intensitySd === null ? "" : ` ± ${intensitySd.toFixed(0)}`
          }`,
    },
    {
      sort: "quality",
      label: "Quality",
      numeric: true,
      cell: (hole) => qualityOf(hole)?.toFixed(2) ?? NO_VALUE,
    },
  ];
}

export function micrographHref(id: string): string {
  return `/epu/micrographs/${encodeURIComponent(id)}`;
}

export function micrographColumns(clock: PageClock): Column<ShownMicrograph>[] {
  return [
    {
      label: "Micrograph",
      cell: ({ id, holeId, areaId, acquiredAtMs, stem }) => (
        <a href={micrographHref(id)} title={stem}>
          {holeId} · {areaId}
          <span class="visually-hidden">
            {acquiredAtMs === null ? "" : ` of ${formatTime(acquiredAtMs, "clock", clock.zone)}`}
          </span>
        </a>
      ),
    },
    {
      label: "Taken",
      cell: ({ acquiredAtMs }) =>
        acquiredAtMs === null ? NO_VALUE : <Time atMs={acquiredAtMs} clock={clock} as="clock" />,
    },
    { label: "Square", numeric: true, wide: true, cell: ({ squareId }) => squareId },
    {
      label: "Defocus",
      numeric: true,
      cell: ({ appliedDefocusM }) => inMicrometres(appliedDefocusM),
    },
    {
      label: "Dose",
      numeric: true,
      wide: true,
      cell: ({ doseEPerA2 }) => doseEPerA2 === null ? NO_VALUE : `${doseEPerA2.toFixed(1)} e⁻/Å²`,
    },
    {
      label: "Fractions",
      numeric: true,
      wide: true,
      cell: ({ fractionsRecorded, fractionsExpected }) =>
        `${fractionsRecorded ?? NO_VALUE} / ${fractionsExpected ?? NO_VALUE}`,
    },
    {
      label: "Motion",
      numeric: true,
      wide: true,
      cell: ({ results }) =>
        results.motion === null ? NO_VALUE : `${results.motion.totalA.toFixed(1)} Å`,
    },
    {
      label: "CTF",
      numeric: true,
      cell: ({ results }) =>
        results.ctf === null ? NO_VALUE : `${results.ctf.maxResolutionA.toFixed(2)} Å`,
    },
    {
      label: "Particles",
      numeric: true,
      wide: true,
      cell: ({ results }) => results.picking === null ? NO_VALUE : counted(results.picking.picked),
    },
    {
      label: "File",
      wide: true,
      cell: ({ xmlPath }) =>
        xmlPath === null ? <span class="tag tag-warn">ledger only</span> : "here",
    },
  ];
}
