import { computed, signal } from "@preact/signals";
import fc from "fast-check";
import assert from "node:assert/strict";
import { revive } from "../../lib/fresh/client/revive.ts";
import { NotSerializable, pack, type Table, unpack } from "../../lib/fresh/props.ts";
import { IslandCollector } from "../../lib/fresh/island_collector.ts";

/** Over the wire: as text in a page. */
function cross(value: unknown): unknown {
  return unpack(JSON.parse(JSON.stringify(pack(value))) as Table);
}

const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.bigInt(),
    fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, -0, "__proto__", "Array", -1),
    fc.date({ noInvalidDate: false }),
    fc.webUrl().map((url) => new URL(url)),
    fc.uint8Array(),
    fc.constantFrom(/a+/g, /<\/script>/, /[\u{1F9EB}]/u),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.sparseArray(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__")), tie("value"), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((e) => new Map(e)),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => new Set(items)),
  ),
})).value;

Deno.test("what crosses to the browser arrives as it was", () => {
  fc.assert(
    fc.property(anything, (value) => assert.deepEqual(cross(value), value)),
    { numRuns: 500 },
  );
});

Deno.test("shared and circular references arrive as shared and circular", () => {
  const shared = { name: "pump" };
  const value: Record<string, unknown> = { a: shared, b: [shared], seen: new Set([shared]) };
  value.self = value;
  value.map = new Map([[value, shared]]);
  const arrived = cross(value) as typeof value;
  assert.equal(arrived.self, arrived);
  assert.equal(arrived.a, (arrived.b as unknown[])[0]);
  assert.ok((arrived.seen as Set<unknown>).has(arrived.a));
  assert.equal((arrived.map as Map<unknown, unknown>).get(arrived), arrived.a);
});

Deno.test("a key named __proto__ stays a key and changes no prototype", () => {
  const value = JSON.parse('{"__proto__": {"polluted": true}}');
  const arrived = cross(value) as Record<string, unknown>;
  assert.deepEqual(Object.keys(arrived), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(arrived), Object.prototype);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("what cannot cross is refused with the way to it", () => {
  class Pump {
    speed = 1;
  }
  const refused = (value: unknown, message: RegExp) =>
    assert.throws(() => pack(value), (error) => {
      assert.ok(error instanceof NotSerializable);
      assert.match(error.message, message);
      return true;
    });
  refused({ a: [1, () => 2] }, /^Cannot send value\.a\[1\] to the browser: a function/);
  refused({ a: new Pump() }, /value\.a .* class Pump/);
  refused(Symbol("x"), /value .* a symbol/);
  refused(new Map([["k", Promise.resolve()]]), /value\.values\(\)\[0\] .* class Promise/);
  refused(new WeakMap(), /class WeakMap/);
});

Deno.test("a page's data that was cut or forged fails with a clear error", () => {
  assert.throws(() => unpack([["Array", 7]]), RangeError);
  assert.throws(() => unpack([["Constructor", 0]]), /unknown "Constructor"/);
});

/** The props of islands over the wire, with signals. */
function crossProps(props: Record<string, unknown>): Record<string, unknown> {
  const component = () => null;
  const island = { file: "islands/X.tsx", exportName: "default", url: "/x.js", preload: [] };
  const collector = new IslandCollector(new Map([[component, island]]));
  collector.wrap({ type: component, props, key: null } as never);
  return revive(JSON.parse(JSON.stringify(collector.data("build").props)))[0]!;
}

Deno.test("a signal given twice arrives as one signal", () => {
  const count = signal(1);
  const arrived = crossProps({ a: count, b: { deep: [count] } }) as {
    a: typeof count;
    b: { deep: (typeof count)[] };
  };
  assert.equal(arrived.a, arrived.b.deep[0]);
  arrived.a.value = 5;
  assert.equal(arrived.b.deep[0]!.value, 5);
});

Deno.test("a signal may hold a value that leads back to it", () => {
  const holder = signal<Record<string, unknown>>({});
  holder.value = { holder };
  const arrived = crossProps({ holder }).holder as typeof holder;
  assert.equal(arrived.value.holder, arrived);
});

Deno.test("a computed signal arrives with its value and cannot be written", () => {
  const count = signal(2);
  const double = computed(() => count.value * 2);
  const arrived = crossProps({ double }).double as { value: number };
  assert.equal(arrived.value, 4);
  assert.throws(() => arrived.value = 9, TypeError);
});
