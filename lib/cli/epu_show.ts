import type { EpuFile, SessionFile, SquareMetadataFile } from "../epu/read/mod.ts";
import type { CliHost } from "./command.ts";
import { fieldRow, showFields, showTable } from "./epu_output.ts";

/** One file for people: its fields, then its lists; long ones only when `isLong`. */
export function showFile(host: CliHost, file: EpuFile, isLong: boolean): void {
  const { kind: _, ...fields } = file;
  showFields(host, Object.entries(fields).map(([name, value]) => fieldRow(name, value)));
  switch (file.kind) {
    case "session":
      showSession(host, file, isLong);
      return;
    case "square-metadata":
      showSquare(host, file, isLong);
      return;
    case "atlas":
      if (!isLong) return;
      showRecords(host, "Tiles", file.tiles);
      showRecords(host, "Squares", file.squares);
      return;
    default:
      return;
  }
}

function showSession(host: CliHost, { areas, presets }: SessionFile, isLong: boolean): void {
  if (areas.length > 0) showRecords(host, "Areas of each hole", areas);
  if (isLong && presets.length > 0) showRecords(host, "Settings", presets);
}

function showSquare(host: CliHost, { holes }: SquareMetadataFile, isLong: boolean): void {
  if (holes.length === 0) return;
  const count = (test: (hole: (typeof holes)[number]) => boolean) =>
    String(holes.filter(test).length);
  host.out("");
  host.out("Holes");
  const states = [...new Set(holes.map(({ state }) => state))].toSorted();
  showFields(host, [
    ["  selected", count(({ selected }) => selected === true)],
    ["  near a grid bar", count(({ nearGridBar }) => nearGridBar === true)],
    ...states.map((state) =>
      [`  ${state ?? "no state"}`, count((hole) => hole.state === state)] as const
    ),
  ]);
  if (isLong) showRecords(host, "Each", holes);
}

/** Records of one shape as a table, the fields' names as heads. */
function showRecords(host: CliHost, title: string, records: readonly object[]): void {
  const [first] = records;
  if (first === undefined) return;
  const heads = Object.keys(first).map((name) => fieldRow(name, null)[0]);
  const rows = records.map((record) =>
    Object.entries(record).map(([name, value]) => fieldRow(name, value)[1])
  );
  showTable(host, title, heads, rows);
}
