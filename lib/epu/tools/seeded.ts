/**
 * Numbers that look random and are the same for the same seeds, so that a generated session, a fault and a
 * test can be made again. Not for secrets. Generator: sfc32, seeded by FNV-1a over the parts.
 */
export class Seeded {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(...parts: readonly (string | number)[]) {
    const text = parts.join("\u001f");
    this.#a = fnv1a(text, 0x811c9dc5);
    this.#b = fnv1a(text, 0x9e3779b9);
    this.#c = fnv1a(text, 0x85ebca6b);
    // The first numbers of similar seeds resemble each other.
    for (let i = 0; i < 12; i++) this.bits();
  }
  /** 32 bits, 0..2^32-1. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return sum >>> 0;
  }
  /** 0 <= x < 1. */
  unit(): number {
    return this.bits() / 0x1_0000_0000;
  }
  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }
  /** A whole number, 0 <= n < `limit`. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }
  chance(probability: number): boolean {
    return this.unit() < probability;
  }
  /** Mean 0, standard deviation 1; the sum of twelve, so never beyond 6. */
  normal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.unit();
    return sum;
  }
  shuffled<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j]!, copy[i]!];
    }
    return copy;
  }
  /** A version 4 UUID in small letters. */
  uuid(): string {
    let hex = "";
    for (let i = 0; i < 4; i++) hex += this.bits().toString(16).padStart(8, "0");
    const variant = ((parseInt(hex[16]!, 16) & 3) | 8).toString(16);
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `${variant}${hex.slice(17, 20)}`,
      hex.slice(20),
    ].join("-");
  }
}

function fnv1a(text: string, start: number): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
