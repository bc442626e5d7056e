import type { FractionsFile } from "./files.ts";
import type { Origin } from "./origin.ts";
import { id, int, list, onOff, type Raw, record, time, word } from "./shape.ts";

/** Source: lists of a Falcon 3 beside micrographs of EPU 2.6. No namespace. */
export const FRACTIONS = record("", {
  acquired: time("Info/DateTimeWithTimeZone"),
  detectorName: word("Info/Detector"),
  fractionsExpected: id("Info/ExpectedNumberOfFractions"),
  fractionsRecorded: id("Info/RecordedNumberOfFractions"),
  widthPx: id("Info/RegionOfInterest/Width"),
  heightPx: id("Info/RegionOfInterest/Height"),
  binning: id("Info/Binning"),
  electronCounting: onOff("Info/ElectronCounting"),
  rows: list(record("", { index: int("Index") }), "Fractions/Fraction"),
});

export function fractionsFile(
  raw: Raw<typeof FRACTIONS>,
  { named, findings }: Origin,
): FractionsFile {
  const { rows, ...own } = raw;
  const fractionsListed = rows?.length ?? 0;
  const { fractionsExpected, fractionsRecorded } = own;
  if (fractionsRecorded !== null && rows !== null && fractionsListed !== fractionsRecorded) {
    findings.add({
      code: "short-list",
      severity: "warning",
      where: "Acquisition/Fractions",
      text: `${fractionsRecorded} fractions were recorded, ${fractionsListed} are listed`,
      consequence: "The list is not whole; the movie may be",
    });
  }
  if (
    fractionsExpected !== null && fractionsRecorded !== null &&
    fractionsRecorded < fractionsExpected
  ) {
    findings.add({
      code: "dropped-fractions",
      severity: "warning",
      where: "Acquisition/Info",
      text: `${fractionsRecorded} of ${fractionsExpected} fractions were recorded`,
      consequence: "The movie is short: its dose is lower than asked for",
    });
  }
  const isNamed = named.kind === "fractions";
  return {
    kind: "fractions",
    squareId: isNamed ? named.squareId : null,
    holeId: isNamed ? named.holeId : null,
    areaId: isNamed ? named.areaId : null,
    k: isNamed ? named.k : null,
    stem: isNamed ? named.stem : null,
    ...own,
    fractionsListed,
  };
}
