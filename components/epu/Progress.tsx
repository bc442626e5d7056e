import type { Exposures } from "../../lib/epu/model.ts";
import { counted, exposuresInShort, exposuresInWords } from "./shown.ts";

/** Exposures seen, listed and expected, as a bar: what is listed but not seen stands apart from what is not yet. */
export function ExposureBar({ exposures }: { exposures: Exposures }) {
  const { expected, listed, seen } = exposures;
  const all = Math.max(expected ?? 0, listed, seen, 1);
  return (
    <svg
      class="exposure-bar"
      viewBox="0 0 100 6"
      preserveAspectRatio="none"
      role="img"
      aria-label={exposuresInWords(exposures)}
    >
      <rect class="expected" width="100" height="6" />
      <rect class="listed" width={(100 * Math.max(listed, seen)) / all} height="6" />
      <rect class="seen" width={(100 * seen) / all} height="6" />
    </svg>
  );
}

/** The bar with its numbers beneath. */
export function Progress({ exposures }: { exposures: Exposures }) {
  const { expected, listed, seen } = exposures;
  return (
    <div class="exposures">
      <ExposureBar exposures={exposures} />
      <p class="num">
        <span class="seen">
          <b>{counted(seen)}</b> seen
        </span>
        <span class="listed">
          <b>{counted(listed)}</b> listed
        </span>
        <span class="expected">
          <b>{expected === null ? "—" : counted(expected)}</b> expected
        </span>
      </p>
    </div>
  );
}

/** The same in one table cell. */
export function ExposureCell({ exposures }: { exposures: Exposures }) {
  return (
    <span class="exposure-cell">
      <ExposureBar exposures={exposures} />
      <span class="num">{exposuresInShort(exposures)}</span>
    </span>
  );
}
