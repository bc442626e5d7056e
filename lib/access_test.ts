import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { ACCESS, type AccessEntry, accessRefusal, checkAccessCoverage, ruleFor } from "./access.ts";
import type { Principal } from "./auth/model.ts";

const ROOT = join(import.meta.dirname!, "..");
const ANYWHERE = { fromThisMachine: false };

const anonymous: Principal = { kind: "anonymous", role: null };
const observer: Principal = { kind: "user", name: "ola", role: "observer" };
const admin: Principal = { kind: "user", name: "ada", role: "admin" };

function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

Deno.test("what fits no entry is refused, even to an admin", () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "LINK"]) {
    const refusal = accessRefusal({ method, path: "/api/v1/new-thing", ...ANYWHERE }, admin);
    assert.equal(refusal?.kind, "not-found", method);
  }
});

Deno.test("nothing but logging in, stopping and looking at problems is open to anyone", () => {
  const open = ACCESS.filter(({ rule }) => rule.role === "anyone" || rule.fromThisMachine);
  assert.deepEqual(
    open.filter(({ method }) => method !== "GET").map(({ method, pattern }) =>
      `${method} ${pattern}`
    ),
    ["POST /api/v1/stop", "POST /api/v1/login", "POST /api/v1/logout", "POST /settings/theme"],
  );
  for (const path of ["/", "/docs", "/api/openapi.json", "/api/v1/stream", "/metrics", "/x/y"]) {
    assert.equal(
      accessRefusal({ method: "GET", path, ...ANYWHERE }, anonymous)?.kind,
      "login-required",
      path,
    );
  }
});

Deno.test("a pattern takes whole segments only, and nothing empty", () => {
  const table: AccessEntry[] = [
    { method: "POST", pattern: "/a/:id/b", rule: { role: "observer" } },
    { method: "GET", pattern: "/files/*", rule: { role: "observer" } },
  ];
  const fits = (method: string, path: string) => ruleFor(method, path, table) !== null;
  assert(fits("POST", "/a/1/b"));
  assert(fits("GET", "/files/x/y"));
  assert(fits("HEAD", "/files/x"));
  for (const path of ["/a//b", "/a/1/b/", "/a/1/2/b", "/a/1", "//a/1/b", "/A/1/b", "/a/1/bc"]) {
    assert(!fits("POST", path), path);
  }
  assert(!fits("GET", "/filesystem"));
  assert(!fits("DELETE", "/a/1/b"));
});

Deno.test("a route that changes something and has no rule is found", () => {
  const missing = checkAccessCoverage([
    { method: "ALL", path: "/*" },
    { method: "ALL", path: "*" },
    { method: "GET", path: "/api/v1/anything" },
    { method: "POST", path: "/api/v1/stop" },
    { method: "POST", path: "/api/v1/devices/:id/commands" },
    { method: "POST", path: "/api/v1/forgotten/:id" },
    { method: "ALL", path: "/api/v1/proxy" },
    { method: "PUT", path: "/api/v1/files/*" },
  ]);
  assert.deepEqual(missing, [
    "DELETE /api/v1/proxy",
    "PATCH /api/v1/proxy",
    "POST /api/v1/forgotten/:id",
    "POST /api/v1/proxy",
    "PUT /api/v1/files/*",
    "PUT /api/v1/proxy",
  ]);
});

Deno.test("every page that takes a form has a rule", () => {
  const folder = join(ROOT, "routes");
  const pages = files(folder).filter((path) => path.endsWith(".tsx"));
  assert(pages.length > 5);
  const routes = pages.flatMap((path) => {
    const text = readFileSync(path, "utf8");
    const pattern = "/" + relative(folder, path).replace(/\.tsx$/, "").replace(/(^|\/)index$/, "$1")
      .replaceAll(/\[(?:\.\.\.)?(\w+)\]/g, ":$1").replaceAll(/\(\w+\)\//g, "").replace(/\/$/, "");
    return ["POST", "PUT", "PATCH", "DELETE"].filter((method) =>
      new RegExp(`^\\s*(async )?${method}(\\(|:)`, "m").test(text)
    ).map((method) => ({ method, path: pattern }));
  });
  assert(routes.some(({ path }) => path === "/devices/:id"), JSON.stringify(routes));
  assert.deepEqual(checkAccessCoverage(routes), []);
});

Deno.test("people who must log in see the login page as it is meant: every static file is open", () => {
  const folder = join(ROOT, "static");
  for (const path of files(folder)) {
    const url = `/${relative(folder, path)}`;
    assert.equal(accessRefusal({ method: "GET", path: url, ...ANYWHERE }, anonymous), null, url);
  }
});

Deno.test("an observer reads all that is not about access, and changes nothing but STOP and the own password", () => {
  const may = (method: string, path: string) =>
    accessRefusal({ method, path: path.replaceAll(/:\w+/g, "x"), ...ANYWHERE }, observer) === null;
  for (const path of ["/", "/api/v1/devices", "/api/v1/experiments/x/archive.zip", "/metrics"]) {
    assert(may("GET", path), path);
  }
  for (const path of ["/api/v1/users", "/api/v1/tokens", "/api/v1/config"]) {
    assert(!may("GET", path), path);
  }
  const changes = ACCESS.filter(({ method, rule }) => method !== "GET" && rule.role !== "anyone")
    .filter(({ method, pattern }) => may(method, pattern))
    .map(({ method, pattern }) => `${method} ${pattern}`);
  assert.deepEqual(changes, ["POST /api/v1/stop", "PUT /api/v1/me/password"]);
});

Deno.test("a script reads what its own run wrote, by id or number, and nothing of another's", () => {
  const script: Principal = {
    kind: "experiment",
    experimentId: "01OWN",
    number: 7,
    role: "operator",
  } as never;
  const observer: Principal = { kind: "user", name: "eve", role: "observer" };
  const kindOf = (path: string, who: Principal, method = "GET") =>
    accessRefusal({ method, path, fromThisMachine: false }, who)?.kind ?? null;
  const written = ["log", "files", "files/a/b.csv", "archive.zip", "data", "script"];
  for (const tail of written) {
    for (const id of ["01OWN", "7"]) {
      assert.equal(kindOf(`/api/v1/experiments/${id}/${tail}`, script), null, tail);
    }
    for (const id of ["01OTHER", "8", "007", "01own", "01OWN%20"]) {
      assert.equal(
        kindOf(`/api/v1/experiments/${id}/${tail}`, script),
        "forbidden",
        `${id} ${tail}`,
      );
    }
    assert.equal(kindOf(`/api/v1/experiments/01OTHER/${tail}`, script, "HEAD"), "forbidden");
    assert.equal(kindOf(`/api/v1/experiments/01OTHER/${tail}`, observer), null, "people read all");
  }
  for (const path of ["/api/experiments/01OTHER/download", "/api/experiments/01OTHER/logs"]) {
    assert.equal(kindOf(path, script), "forbidden");
    assert.equal(kindOf(path, observer), null);
  }
  for (const path of ["/experiments/8", "/experiments", "/experiments/8/files"]) {
    assert.equal(kindOf(path, script), "forbidden", "pages are for people");
    assert.equal(kindOf(path, observer), null);
  }
  // What it needs of others: who is before it, and whether the instrument is well.
  for (
    const path of ["/api/v1/experiments/8", "/api/v1/queue", "/api/v1/devices", "/api/v1/status"]
  ) {
    assert.equal(kindOf(path, script), null);
  }
});
