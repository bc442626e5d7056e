/** Values as .NET's data contract serialiser writes them. */

/** `1.2E-05`, `8.5E+19`, `0.25`: invariant, shortest that reads back the same. */
export function netNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} has no place in EPU's files`);
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e15)) return String(value);
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  return `${mantissa}E${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

/**
 * `2024-04-05T12:36:47.2616332+01:00`, or with `Z` when `zoneOffsetMin` is null. `subMs` (0..9999) gives the
 * digits below the millisecond; closing zeros are left out, as .NET does.
 */
export function netTime(atMs: number, zoneOffsetMin: number | null, subMs = 0): string {
  const local = new Date(atMs + (zoneOffsetMin ?? 0) * 60_000).toISOString();
  const fraction = (local.slice(20, 23) + String(subMs).padStart(4, "0")).replace(/0+$/, "");
  return local.slice(0, 19) + (fraction === "" ? "" : `.${fraction}`) + zoneText(zoneOffsetMin);
}

function zoneText(zoneOffsetMin: number | null): string {
  if (zoneOffsetMin === null) return "Z";
  const size = Math.abs(zoneOffsetMin);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${zoneOffsetMin < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Hands out `z:Id` numbers in document order, and remembers those that are referred to again. */
export class ObjectIds {
  #last = 0;
  readonly #known = new Map<string, number>();

  /** ` z:Id="7"`. */
  next(): string {
    return ` z:Id="${++this.#last}"`;
  }
  /** Declares the object `name` the first time, refers back to it (`z:Ref`, which also says nil) afterwards. */
  once(name: string): { attribute: string; isNew: boolean } {
    const known = this.#known.get(name);
    if (known !== undefined) return { attribute: ` z:Ref="${known}" i:nil="true"`, isNew: false };
    const attribute = this.next();
    this.#known.set(name, this.#last);
    return { attribute, isNew: true };
  }
}

const CONTRACT = "http://schemas.datacontract.org/2004/07/";
export const NS = {
  epu: `${CONTRACT}Applications.Epu.Persistence`,
  types: `${CONTRACT}Fei.Applications.Common.Types`,
  objects: `${CONTRACT}Fei.SharedObjects`,
  fei: `${CONTRACT}Fei.Types`,
  drawing: `${CONTRACT}System.Drawing`,
  generic: `${CONTRACT}System.Collections.Generic`,
  media: `${CONTRACT}System.Windows.Media`,
  system: `${CONTRACT}System`,
  atlas: `${CONTRACT}Applications.SciencesAppsShared.GridAtlas.Persistence`,
  atlasModel: `${CONTRACT}Applications.SciencesAppsShared.GridAtlas.Datamodel`,
  shared: `${CONTRACT}Applications.SciencesAppsShared.Types`,
  unit: `${CONTRACT}Fei.Common.Types`,
  services: `${CONTRACT}Fei.Applications.Common.Services`,
  omp: `${CONTRACT}Fei.Applications.Common.Omp.Interface`,
  arrays: "http://schemas.microsoft.com/2003/10/Serialization/Arrays",
  z: "http://schemas.microsoft.com/2003/10/Serialization/",
  i: "http://www.w3.org/2001/XMLSchema-instance",
  xsd: "http://www.w3.org/2001/XMLSchema",
} as const;

/** Attributes of a root element of EPU's own files. */
export function rootAttributes(
  ids: ObjectIds,
  { type, version, namespace }: { type: string; version: string; namespace: string },
): string {
  const assembly = type.slice(0, type.lastIndexOf("."));
  return `${ids.next()} z:Type="${type}" z:Assembly="${assembly}, Version=${version}, ` +
    `Culture=neutral, PublicKeyToken=null" xmlns="${namespace}" xmlns:i="${NS.i}" xmlns:z="${NS.z}"`;
}

/** `<p:x>1</p:x><p:y>2</p:y>`. */
export function pointXml(prefix: string, { x, y }: { x: number; y: number }): string {
  return `<${prefix}:x>${netNumber(x)}</${prefix}:x><${prefix}:y>${netNumber(y)}</${prefix}:y>`;
}

export function sizeXml(prefix: string, { x, y }: { x: number; y: number }): string {
  return `<${prefix}:height>${netNumber(y)}</${prefix}:height>` +
    `<${prefix}:width>${netNumber(x)}</${prefix}:width>`;
}

export function stageXml(
  prefix: string,
  { x, y, z = 0, a = 0, b = 0 }: { x: number; y: number; z?: number; a?: number; b?: number },
): string {
  const one = (name: string, value: number) =>
    `<${prefix}:${name}>${netNumber(value)}</${prefix}:${name}>`;
  return one("A", a) + one("B", b) + one("X", x) + one("Y", y) + one("Z", z);
}

/**
 * A dictionary: its own bookkeeping, then its entries (none of it when `count` is 0). `entries` is called
 * after the bookkeeping took its numbers, so that they rise through the document.
 */
export function dictionaryXml(
  ids: ObjectIds,
  o: { keyType: string; valueType: string; count: number; entries: () => string },
): { attributes: string; content: string } {
  const type = (kind: string) =>
    `System.Collections.Generic.${kind}\`2[[${o.keyType}],[${o.valueType}]]`;
  const attributes = `${ids.next()} z:Type="${type("Dictionary")}" z:Assembly="0"`;
  const number = (name: string, value: number) =>
    `<${name}${ids.next()} z:Type="System.Int32" z:Assembly="0" xmlns="">${value}</${name}>`;
  const version = number("Version", o.count);
  const comparer = comparerXml(ids, "Comparer", o.keyType, ' xmlns=""');
  const size = number("HashSize", o.count === 0 ? 0 : 17);
  const pairs = o.count === 0
    ? ""
    : `<KeyValuePairs${ids.next()} z:Type="${
      type("KeyValuePair")
    }[]" z:Assembly="0" z:Size="${o.count}" xmlns="">${o.entries()}</KeyValuePairs>`;
  return { attributes, content: version + comparer + size + pairs };
}

/** How keys compare: the same object for every dictionary of one key type. */
export function comparerXml(ids: ObjectIds, name: string, keyType: string, more = ""): string {
  const { attribute, isNew } = ids.once(`comparer ${keyType}`);
  const type = isNew
    ? ` z:Type="System.Collections.Generic.GenericEqualityComparer\`1[[${keyType}]]" z:Assembly="0"`
    : "";
  return `<${name}${attribute}${type}${more}/>`;
}

const TOKEN = "Culture=neutral, PublicKeyToken";
export const INT32 = `System.Int32, mscorlib, Version=4.0.0.0, ${TOKEN}=b77a5c561934e089`;
export const ofAssembly = (type: string, assembly: string, version: string) =>
  `${type}, ${assembly}, Version=${version}, ${TOKEN}=null`;
