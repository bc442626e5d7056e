/** Query parameter that marks the address of a static file as belonging to one build. */
export const ASSET_KEY = "__frsh_c";

// One value a process: a page is always rendered and hydrated by the build that is being served.
let buildId = "";

export function setBuildId(id: string): void {
  buildId = id;
}

export function currentBuildId(): string {
  return buildId;
}
