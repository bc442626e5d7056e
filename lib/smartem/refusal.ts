import type { DeleteRefusal, UpsertRefusal } from "../epu/mod.ts";

/** What the SmartEM API answers with a status and `{"detail": ...}`. */
export class SmartemRefusal extends Error {
  override readonly name = "SmartemRefusal";
  constructor(readonly status: number, readonly detail: unknown) {
    super(typeof detail === "string" ? detail : JSON.stringify(detail));
  }
}

/** As the original words it: "Grid Square not found". */
export function notFound(what: string): SmartemRefusal {
  return new SmartemRefusal(404, `${what} not found`);
}

export function ofDelete(refusal: DeleteRefusal, what: string): SmartemRefusal {
  switch (refusal.kind) {
    case "unknown":
      return notFound(what);
    case "unconfirmed":
      return new SmartemRefusal(409, `${what} was renamed meanwhile: nothing was deleted`);
    case "watched":
      return new SmartemRefusal(
        409,
        `${what} cannot be deleted: its folder "${refusal.folder}" is watched and would bring it back`,
      );
    case "in-use":
      return new SmartemRefusal(409, `${what} cannot be deleted: ${refusal.reason}`);
  }
}

export function ofUpsert(refusal: UpsertRefusal): SmartemRefusal {
  switch (refusal.kind) {
    case "unknown-acquisition":
      return notFound("Acquisition");
    case "unknown-square":
      return notFound("Grid Square");
    case "unknown-hole":
      return notFound("Foil Hole");
  }
}
