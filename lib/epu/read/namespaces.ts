/**
 * Short names of the namespaces in EPU's files, as paths in this folder spell them. Prefixes in the files
 * are generated and vary; only the URI counts.
 */
const CONTRACTS = "http://schemas.datacontract.org/2004/07/";

const SHORT_OF: ReadonlyMap<string, string> = new Map([
  ["", ""],
  [`${CONTRACTS}Applications.Epu.Persistence`, "epu"],
  // EPU 1.2 and 1.3: the same fields under an older name.
  [`${CONTRACTS}Fei.Applications.Epu.Persistence`, "epu"],
  [`${CONTRACTS}Fei.Applications.Common.Types`, "ct"],
  [`${CONTRACTS}Fei.Applications.Common.Services`, "svc"],
  [`${CONTRACTS}Fei.Applications.Common.Omp.Interface`, "omp"],
  [`${CONTRACTS}Fei.SharedObjects`, "so"],
  [`${CONTRACTS}Fei.Types`, "ft"],
  [`${CONTRACTS}System.Drawing`, "drw"],
  [`${CONTRACTS}System.Collections.Generic`, "gen"],
  [`${CONTRACTS}System.Windows.Media`, "media"],
  [`${CONTRACTS}Applications.SciencesAppsShared.GridAtlas.Persistence`, "ga"],
  [`${CONTRACTS}Applications.SciencesAppsShared.GridAtlas.Datamodel`, "gd"],
  [`${CONTRACTS}Applications.SciencesAppsShared.Types`, "shp"],
  ["http://schemas.microsoft.com/2003/10/Serialization/Arrays", "arr"],
]);

export const SERIALIZATION = "http://schemas.microsoft.com/2003/10/Serialization/";
export const SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance";

/** `null` for a namespace no path names. */
export function shortNamespace(uri: string): string | null {
  return SHORT_OF.get(uri) ?? null;
}
