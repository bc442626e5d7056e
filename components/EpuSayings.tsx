import type { PageClock } from "./clock.ts";
import { type ShownSaying, stateChip } from "./epu_decisions.ts";
import { formatNumber } from "./format.ts";
import { Time } from "./Time.tsx";

interface Props {
  others: readonly ShownSaying[];
  count: number;
  clock: PageClock;
  words(one: ShownSaying): string;
}

/** What else was proposed last: by shadows, by the baseline, and what is decided already. */
export function EpuSayings({ others, count, clock, words }: Props) {
  if (others.length === 0) return null;
  return (
    <section class="card table-card" aria-label="What others say">
      <details>
        <summary>
          What others say<small class="num">{count} proposals, the newest first</small>
        </summary>
        <table class="row-table sayings">
          <thead>
            <tr>
              <th scope="col">Authority</th>
              <th scope="col">Proposes</th>
              <th scope="col" class="num">Confidence</th>
              <th scope="col" class="num">Gain</th>
              <th scope="col">State</th>
              <th scope="col">Since</th>
            </tr>
          </thead>
          <tbody>
            {others.map((one) => (
              <tr key={one.id}>
                <th scope="row">
                  {one.authority} <span class="tag">{one.role}</span>
                </th>
                <td>
                  {words(one)}
                  <small class="why num">
                    {one.first.join(" ")}
                    {one.targets > one.first.length && " …"}
                  </small>
                </td>
                <td class="num" data-label="confidence">
                  {one.confidence === null ? "—" : `${Math.round(one.confidence * 100)} %`}
                </td>
                <td class="num" data-label="gain">
                  {one.expectedGain === null ? "—" : formatNumber(one.expectedGain, 1)}
                </td>
                <td>
                  {one.role === "shadow" && one.state === "waiting"
                    ? <span class="chip">kept to compare</span>
                    : <span class={stateChip(one.state)}>{one.state}</span>}
                  {one.why !== null && <small class="why">{one.why}</small>}
                </td>
                <td>
                  <Time atMs={one.createdAtMs} clock={clock} as="minute" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}
