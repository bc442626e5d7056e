import type { PageClock } from "./clock.ts";
import { fileStateInWords, type ShownFile } from "./epu_findings.ts";
import { formatAge, formatBytes } from "./format.ts";
import { Time } from "./Time.tsx";

/** Files with their state, what it means, and how long it has been so. */
export function EpuFileRows(
  { files, clock, nowMs }: { files: readonly ShownFile[]; clock: PageClock; nowMs: number },
) {
  return (
    <table class="row-table file-rows">
      <thead>
        <tr>
          <th scope="col">File</th>
          <th scope="col">State</th>
          <th scope="col" class="num">Size</th>
          <th scope="col">Since</th>
          <th scope="col" class="num">Age</th>
        </tr>
      </thead>
      <tbody>
        {files.map((one) => (
          <tr key={one.path}>
            <th scope="row">
              <FileName path={one.path} />
              <small class="why">
                {folderOf(one.path)}
                {one.kind.replaceAll("-", " ")}
                {one.digest !== null && (
                  <>
                    {", "}
                    <span title={`SHA-256 ${one.digest}`}>SHA-256 {one.digest.slice(0, 8)}</span>
                  </>
                )}
              </small>
            </th>
            <td>
              <span class={chipOf(one.state)}>{one.state}</span>
              <small class="why">
                {one.error ?? fileStateInWords(one.state)}
                {one.tries > 1 && `; tried ${one.tries} times`}
              </small>
            </td>
            <td class="num" data-label="size">{formatBytes(one.sizeBytes)}</td>
            <td>
              <Time atMs={one.changedAtMs} clock={clock} as="stamp" />
            </td>
            <td class="num" data-label="age">{formatAge(nowMs - one.changedAtMs)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The last part of a path; all of it is in its title. */
export function FileName({ path }: { path: string }) {
  return <span class="file-name" title={path}>{path.slice(path.lastIndexOf("/") + 1)}</span>;
}

/** `Images-Disc1/GridSquare_2011012/Data · `; empty at the top. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "" : `${path.slice(0, end)} · `;
}

function chipOf(state: string): string {
  if (state === "truncated" || state === "unreadable") return "chip chip-crit";
  if (state === "orphaned" || state === "gone") return "chip chip-warn";
  return state === "settling" ? "chip chip-busy" : "chip";
}
