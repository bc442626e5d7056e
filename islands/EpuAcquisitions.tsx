import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { askApi } from "../components/ask_api.ts";
import type { PageClock } from "../components/clock.ts";
import { ExposureCell } from "../components/epu/Progress.tsx";
import { StateChip } from "../components/epu/SessionHead.tsx";
import { counted, type Summary } from "../components/epu/shown.ts";
import { formatAge, NO_VALUE } from "../components/format.ts";
import { hearEvents, hearHello, instrumentNow } from "../components/live.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  initial: Summary[];
  /** New sessions belong on this page. */
  isNewest: boolean;
  clock: PageClock;
}

/** EPU writes in bursts: they are asked for once. */
const GATHER_MS = 2000;

/** Sessions with their progress, newest first. */
export default function EpuAcquisitions({ initial, isNewest, clock }: Props) {
  const rows = useSignal<readonly Summary[]>(initial);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waiting = new Set<string>();
    async function ask() {
      timer = undefined;
      const ids = [...waiting];
      waiting.clear();
      for (const id of ids) {
        const { ok, status, body } = await askApi(
          "GET",
          `/epu/acquisitions/${encodeURIComponent(id)}`,
        );
        if (ok) rows.value = withRow(rows.value, body, isNewest);
        else if (status === 404) {
          rows.value = rows.value.filter(({ acquisition }) => acquisition.id !== id);
        }
      }
    }
    function soon(id: string) {
      waiting.add(id);
      timer ??= setTimeout(ask, GATHER_MS);
    }
    let greeted = false;
    const stops = [
      hearEvents(({ type, subject, data }) => {
        // Whoever speaks of an agent or an automation names no session.
        if (!type.startsWith("epu.") || data.acquisitionId !== subject) return;
        if (isNewest || rows.value.some(({ acquisition }) => acquisition.id === subject)) {
          soon(subject);
        }
      }),
      hearHello(() => {
        if (greeted) { for (const { acquisition } of rows.value) soon(acquisition.id); }
        greeted = true;
      }),
    ];
    return () => {
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  }, []);

  const nowMs = instrumentNow(clock);
  return (
    <table class="epu-sessions">
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">State</th>
          <th scope="col">Microscope</th>
          <th scope="col">Started</th>
          <th scope="col" class="num">Squares</th>
          <th scope="col">Exposures seen / listed / expected</th>
          <th scope="col" class="num">Last exposure</th>
        </tr>
      </thead>
      <tbody>
        {rows.value.map((row) => {
          const { acquisition: { id, name, instrumentModel, startedAtMs }, counts } = row;
          return (
            <tr key={id}>
              <th scope="row">
                <a href={`/epu/${encodeURIComponent(id)}`} aria-current="false">{name}</a>
              </th>
              <td>
                <StateChip summary={row} clock={clock} />
              </td>
              <td data-label="microscope">{instrumentModel ?? NO_VALUE}</td>
              <td class="fig" data-label="started">
                {startedAtMs === null
                  ? NO_VALUE
                  : <Time atMs={startedAtMs} clock={clock} as="stamp" />}
              </td>
              <td class="num" data-label="squares">
                {counted(counts.squaresFinished)} / {counted(counts.squaresSelected)}
              </td>
              <td>
                <ExposureCell exposures={counts.exposures} />
              </td>
              <td class="num" data-label="last exposure">
                {counts.lastExposureAtMs === null
                  ? NO_VALUE
                  : `${formatAge(nowMs - counts.lastExposureAtMs)} ago`}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function withRow(rows: readonly Summary[], one: Summary, isNewest: boolean): readonly Summary[] {
  const at = rows.findIndex(({ acquisition }) => acquisition.id === one.acquisition.id);
  if (at !== -1) return rows.with(at, one);
  return isNewest ? [one, ...rows] : rows;
}
