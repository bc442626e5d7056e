import assert from "node:assert/strict";
import { didYouMean, nearest } from "./nearest.ts";

Deno.test("a slip of the fingers is recognised: a swap, a missing, a doubled, a wrong letter", () => {
  const known = ["port", "host", "allowed_hosts", "body_limit_mb"];
  assert.equal(nearest("prot", known), "port");
  assert.equal(nearest("hst", known), "host");
  assert.equal(nearest("alowed-hosts", known), "allowed_hosts");
  assert.equal(nearest("bodyLimitMb", known), "body_limit_mb");
  assert.equal(didYouMean("hots", known), '; did you mean "host"?');
});

Deno.test("a word that is near nothing gets no suggestion", () => {
  assert.equal(nearest("telemetry", ["port", "host"]), null);
  assert.equal(nearest("ab", ["xy"]), null);
  assert.equal(nearest("a", []), null);
});
