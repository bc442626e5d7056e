import type { ReadRefusal } from "./files.ts";

/** Leaves the parser from wherever reading stopped; becomes the result's refusal. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(readonly refusal: ReadRefusal) {
    super(refusal.text);
  }
}
