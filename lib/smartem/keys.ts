/** `Grid`. */
export function gridKey(acquisitionId?: string): Deno.KvKey {
  return acquisitionId === undefined ? ["smartem", "grid"] : ["smartem", "grid", acquisitionId];
}

/** Value: the acquisition's id. Every name a caller gave a grid. */
export function gridByUuidKey(uuid?: string): Deno.KvKey {
  return uuid === undefined ? ["smartem", "grid_by_uuid"] : ["smartem", "grid_by_uuid", uuid];
}

/** `SquareWord`. */
export function squareWordKey(acquisitionId: string, squareId?: number): Deno.KvKey {
  return squareId === undefined
    ? ["smartem", "square", acquisitionId]
    : ["smartem", "square", acquisitionId, squareId];
}
