/**
 * A refusal is a value: what a good caller must expect comes back as `Result`, never as a throw.
 * `R` is a union on `kind`, so that a `switch` without `default` finds a new kind at compile time.
 */
export type Result<T, R> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: R };

export function accept<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function refuse<R>(refusal: R): { readonly ok: false; readonly refusal: R } {
  return { ok: false, refusal };
}
