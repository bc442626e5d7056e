import assert from "node:assert/strict";
import { isAddress, isLoopbackAddress, isLoopbackHost, plainAddress } from "./addresses.ts";

Deno.test("loopback is known in every spelling, and nothing that only looks like it", () => {
  for (
    const address of [
      "127.0.0.1",
      "127.255.0.9",
      "::1",
      "[::1]",
      "::ffff:127.0.0.1",
      "0:0:0:0:0:0:0:1",
    ]
  ) {
    assert(isLoopbackAddress(address), address);
  }
  for (
    const address of [
      "128.0.0.1",
      "10.127.0.1",
      "::2",
      "::",
      "fe80::1",
      "2001:db8::1",
      "1::1",
      "127.1",
      "localhost",
      "",
    ]
  ) {
    assert(!isLoopbackAddress(address), address);
  }
  assert(
    isLoopbackHost("LOCALHOST") && !isLoopbackHost("localhost.example") &&
      !isLoopbackHost("0.0.0.0"),
  );
});

Deno.test("addresses are told from names and brought to one spelling", () => {
  assert(isAddress("10.0.0.7") && isAddress("[fd00::1]") && isAddress("fe80::1%eth0"));
  assert(!isAddress("10.0.0") && !isAddress("host") && !isAddress("0x7f.1"));
  assert.equal(plainAddress("::FFFF:10.0.0.7"), "10.0.0.7");
  assert.equal(plainAddress("[FE80::1%eth0]"), "fe80::1");
});
