import assert from "node:assert/strict";
import { ownZone, zoneOf } from "./clock.ts";

Deno.test("a page is made in the zone its reader's cookie names", () => {
  assert.equal(zoneOf("theme=dark; zone=Europe%2FBerlin"), "Europe/Berlin");
  assert.equal(zoneOf("zone=Asia/Kolkata"), "Asia/Kolkata");
});

Deno.test("a zone that does not exist is this machine's own", () => {
  for (const cookie of [null, "", "zone=", "zone=Mars/Base", "zone=%E0%A4%A", "timezone=UTC"]) {
    assert.equal(zoneOf(cookie), ownZone(), String(cookie));
  }
});
