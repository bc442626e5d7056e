import type { Observation } from "../../lib/epu/model.ts";
import type { PageClock } from "../clock.ts";
import { NO_VALUE } from "../format.ts";
import { Time } from "../Time.tsx";

/** Every image taken of a square or a hole; the last is the one in force. */
export function Observations(
  { observations, clock }: { observations: readonly Observation[]; clock: PageClock },
) {
  if (observations.length === 0) return <p class="empty">No image of it has been seen.</p>;
  return (
    <table class="epu-rows">
      <thead>
        <tr>
          <th scope="col">Image</th>
          <th scope="col">Taken</th>
          <th scope="col">Preview</th>
        </tr>
      </thead>
      <tbody>
        {observations.map(({ stem, takenAtMs, previewPath }) => (
          <tr key={stem}>
            <th scope="row">
              <code>{stem}</code>
            </th>
            <td class="fig">
              {takenAtMs === null ? NO_VALUE : <Time atMs={takenAtMs} clock={clock} as="stamp" />}
            </td>
            <td>{previewPath === null ? "none" : "here"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
