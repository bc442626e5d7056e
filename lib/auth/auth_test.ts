import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { Problem } from "../problem.ts";
import { authKeys } from "./keys.ts";
import { Auth, type Principal } from "./mod.ts";
import type { Session } from "./records.ts";

const PASSWORD = "correct horse battery";

async function setUp(options: { enabled?: boolean; sessionHours?: number; kv?: Kv } = {}) {
  const clock = new ManualClock();
  const kv = options.kv ?? await Kv.open(":memory:", clock);
  const open = () =>
    Auth.open({
      kv,
      clock,
      enabled: options.enabled ?? true,
      sessionHours: options.sessionHours ?? 12,
    });
  return {
    clock,
    kv,
    open,
    auth: await open(),
    [Symbol.asyncDispose]: async () => await kv.close(),
  };
}

function request(headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", { headers });
}

async function withAnna(auth: Auth): Promise<string> {
  const added = await auth.users.add(
    { name: "anna", role: "operator", password: PASSWORD },
    "system",
  );
  assert(added.ok);
  const done = await auth.login("anna", PASSWORD, "10.0.0.2");
  assert(done.ok);
  return done.value.cookie.split(";")[0]!;
}

async function isRefused(work: Promise<Principal>): Promise<void> {
  await assert.rejects(work, (e: unknown) => e instanceof Problem && e.kind === "login-required");
}

Deno.test("a session cookie is HttpOnly, SameSite=Strict, unguessable, and stored only as a hash", async () => {
  await using s = await setUp();
  await withAnna(s.auth);
  const done = await s.auth.login("Anna", PASSWORD, "10.0.0.2", true);
  assert(done.ok);
  assert.match(
    done.value.cookie,
    /^holdfast_session=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure$/,
  );
  const value = done.value.cookie.slice("holdfast_session=".length).split(";")[0]!;
  const stored: string[] = [];
  for await (const { key, value } of s.kv.list({ prefix: [] })) {
    stored.push(JSON.stringify([key, value]));
  }
  assert(stored.length > 3);
  assert(!stored.join().includes(value), "the cookie's value is in the store");
  assert(!stored.join().includes(PASSWORD), "the password is in the store");
});

Deno.test("a session outlives a restart and slides: it ends hours after its last request", async () => {
  await using s = await setUp({ sessionHours: 1 });
  const cookie = await withAnna(s.auth);
  for (let i = 0; i < 10; i++) {
    await s.clock.advance(50 * 60_000);
    assert.equal((await s.auth.principalOf(request({ cookie }), null)).kind, "user");
  }
  // A request does not wait until its time is stored; ten hours in no time are ahead of the store.
  for (let seenAtMs = 0; seenAtMs < s.clock.nowMs();) {
    for await (const { value } of s.kv.list({ prefix: authKeys.session() })) {
      seenAtMs = (value as Session).lastSeenAtMs;
    }
  }
  const again = await s.open();
  assert.deepEqual(await again.principalOf(request({ cookie }), "10.0.0.9"), {
    kind: "user",
    name: "anna",
    role: "operator",
  });
  await s.clock.advance(66 * 60_000);
  assert.equal((await again.principalOf(request({ cookie }), null)).kind, "anonymous");
});

Deno.test("logging out ends that session for good", async () => {
  await using s = await setUp();
  const cookie = await withAnna(s.auth);
  const forget = await s.auth.logout(request({ cookie }));
  assert.match(forget, /^holdfast_session=; .*Max-Age=0/);
  assert.equal((await s.auth.principalOf(request({ cookie }), null)).kind, "anonymous");
  assert.equal((await (await s.open()).principalOf(request({ cookie }), null)).kind, "anonymous");
});

Deno.test("forged cookies and tokens are nobody's", async () => {
  await using s = await setUp();
  const cookie = await withAnna(s.auth);
  const value = cookie.split("=")[1]!;
  for (
    const forged of [
      "holdfast_session=",
      "holdfast_session=x",
      `holdfast_session=${value.slice(0, -1)}`,
      `holdfast_session=${"A".repeat(43)}`,
      `HOLDFAST_SESSION=${value}`,
      `x=1; holdfast_session=${"A".repeat(43)}; ${cookie}`,
    ]
  ) {
    const who = await s.auth.principalOf(request({ cookie: forged }), null);
    assert.equal(who.kind, "anonymous", forged);
  }
  for (const authorization of ["Bearer x", "Bearer hf_" + "A".repeat(43), "Basic YTpi", "Bearer"]) {
    await isRefused(s.auth.principalOf(request({ authorization, cookie }), null));
  }
});

Deno.test("a new password, a removal and a new role act on open sessions at once", async () => {
  await using s = await setUp();
  const cookie = await withAnna(s.auth);
  await s.auth.users.add({ name: "root", role: "admin", password: PASSWORD }, "system");
  await s.auth.users.setRole("anna", "observer", "user:root");
  assert.equal((await s.auth.principalOf(request({ cookie }), null)).role, "observer");
  await s.auth.users.setPassword("anna", "another long phrase", "user:root");
  assert.equal((await s.auth.principalOf(request({ cookie }), null)).kind, "anonymous");

  const next = await s.auth.login("anna", "another long phrase", null);
  assert(next.ok);
  const second = next.value.cookie.split(";")[0]!;
  await s.auth.users.remove("anna", "user:root");
  assert.equal((await s.auth.principalOf(request({ cookie: second }), null)).kind, "anonymous");
});

Deno.test("guessing at one account is slowed to one try in a quarter of an hour, from any address", async () => {
  await using s = await setUp();
  await withAnna(s.auth);
  const outcomes: string[] = [];
  for (let i = 0; i < 40; i++) {
    const done = await s.auth.login("anna", `guess number ${i}`, `10.0.1.${i}`);
    assert(!done.ok);
    outcomes.push(done.refusal.kind);
    await s.clock.advance(500);
  }
  assert(outcomes.filter((kind) => kind === "wrong").length <= 11, outcomes.join());
  const right = await s.auth.login("anna", PASSWORD, "10.0.0.2");
  assert(
    !right.ok && right.refusal.kind === "too-many",
    "the wait holds for the right password too",
  );
  await s.clock.advance(right.refusal.retryAfterS * 1000);
  assert((await s.auth.login("anna", PASSWORD, "10.0.0.2")).ok);
});

Deno.test("one address trying many accounts is slowed too", async () => {
  await using s = await setUp();
  let wrong = 0;
  for (let i = 0; i < 60; i++) {
    const done = await s.auth.login(`user${i}`, "some password", "10.0.0.66");
    assert(!done.ok);
    if (done.refusal.kind === "wrong") wrong++;
  }
  assert.equal(wrong, 20);
  const other = await s.auth.login("user0", "some password", "10.0.0.67");
  assert(!other.ok && other.refusal.kind === "wrong", "another address is not affected");
});

Deno.test("a hundred guesses at once get no further than guesses one by one", async () => {
  await using s = await setUp();
  await withAnna(s.auth);
  const all = await Promise.all(
    Array.from({ length: 100 }, (_, i) => s.auth.login("anna", `guess ${i}`, `10.2.0.${i}`)),
  );
  const checked = all.filter((done) => !done.ok && done.refusal.kind === "wrong").length;
  assert(checked <= 6, `${checked} passwords were checked`);
});

Deno.test("weak passwords and odd names are refused, and nobody is added twice", async () => {
  await using s = await setUp();
  const add = async (name: string, password: string) => {
    const done = await s.auth.users.add({ name, role: "observer", password }, "system");
    return done.ok ? "ok" : done.refusal.kind;
  };
  assert.equal(await add("anna", "short"), "bad-password");
  assert.equal(await add("anna", "aaaaaaaaaaaaaa"), "bad-password");
  assert.equal(await add("anna", "anna123456"), "bad-password");
  assert.equal(await add("anna:x", PASSWORD), "bad-name");
  assert.equal(await add("", PASSWORD), "bad-name");
  assert.equal(await add("../etc", PASSWORD), "bad-name");
  assert.equal(await add("anna", PASSWORD), "ok");
  assert.equal(await add("ANNA", PASSWORD), "user-exists");
});

Deno.test("an admin always remains, even when two are demoted at the same moment", async () => {
  await using s = await setUp();
  for (const name of ["ada", "bea"]) {
    await s.auth.users.add({ name, role: "admin", password: PASSWORD }, "system");
  }
  const [first, second] = await Promise.all([
    s.auth.users.setRole("ada", "observer", "user:bea"),
    s.auth.users.remove("bea", "user:ada"),
  ]);
  assert(first.ok);
  assert(!second.ok && second.refusal.kind === "last-admin");
  assert.equal(s.auth.hasAdmin, true);
});

Deno.test("a token works until it expires or is revoked, and is stored only as a hash", async () => {
  await using s = await setUp();
  const issued = await s.auth.tokens.issue({
    name: "logger",
    role: "observer",
    scopes: ["telemetry"],
    expiresAtMs: s.clock.nowMs() + 60_000,
  }, "user:anna");
  assert(issued.ok);
  const { token, record } = issued.value;
  assert.match(token, /^hf_[\w-]{43}$/);
  assert(!JSON.stringify(s.auth.tokens.list()).includes(token));
  const bearer = request({ authorization: `Bearer ${token}` });
  assert.deepEqual(await s.auth.principalOf(bearer, "10.0.0.2"), {
    kind: "token",
    tokenId: record.id,
    name: "logger",
    role: "observer",
    scopes: ["telemetry"],
  });
  assert.equal(s.auth.tokens.list()[0]!.lastUsedAtMs, s.clock.nowMs());
  await s.clock.advance(60_000);
  await isRefused(s.auth.principalOf(bearer, null));
  assert.equal(s.auth.tokens.list()[0]!.expired, true);

  const lasting = await s.auth.tokens.issue({ name: "ci", role: "admin", scopes: [] }, "user:anna");
  assert(lasting.ok);
  const second = request({ authorization: `bearer ${lasting.value.token}` });
  assert.equal((await (await s.open()).principalOf(second, null)).role, "admin");
  assert((await s.auth.tokens.revoke(lasting.value.record.id, "user:anna")).ok);
  await isRefused(s.auth.principalOf(second, null));
  await isRefused((await s.open()).principalOf(second, null));
});

Deno.test("a script's token is its experiment's alone, survives a restart and ends with the run", async () => {
  await using s = await setUp({ enabled: false });
  const first = await s.auth.issueExperimentToken("01EXP", 7);
  const token = await s.auth.issueExperimentToken("01EXP", 7);
  const bearer = request({ authorization: `Bearer ${token}` });
  const again = await s.open();
  assert.deepEqual(await again.principalOf(bearer, "127.0.0.1"), {
    kind: "experiment",
    experimentId: "01EXP",
    number: 7,
    role: "observer",
  });
  await isRefused(again.principalOf(request({ authorization: `Bearer ${first}` }), "127.0.0.1"));
  assert.deepEqual(again.tokens.list(), []);
  await again.revokeExperimentToken("01EXP");
  await isRefused(again.principalOf(bearer, "127.0.0.1"));
});

Deno.test("where nobody logs in, this machine may do everything and others nothing", async () => {
  await using s = await setUp({ enabled: false });
  const kindFrom = async (address: string | null) =>
    (await s.auth.principalOf(request(), address)).kind;
  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", null]) {
    assert.equal(await kindFrom(address), "local", String(address));
  }
  for (const address of ["10.0.0.2", "::2", "fe80::1", "::ffff:10.0.0.2", "128.0.0.1"]) {
    assert.equal(await kindFrom(address), "anonymous", address);
  }
  const login = await s.auth.login("anna", PASSWORD, null);
  assert(!login.ok && login.refusal.kind === "disabled");
});

Deno.test("a browser keeps its owner through restarts, and cannot take another's", async () => {
  await using s = await setUp({ enabled: false });
  const cookie = s.auth.ownerCookie(request(), false)!;
  assert.match(cookie, /^session_id=[\w-]{22}\.[\w-]{43}; .*HttpOnly; SameSite=Lax$/);
  const pair = cookie.split(";")[0]!;
  const ownerOf = async (auth: Auth, headers: Record<string, string>) => {
    const who = await auth.principalOf(request(headers), "127.0.0.1");
    assert(who.kind === "local");
    return who.owner;
  };
  const owner = pair.split("=")[1]!.split(".")[0]!;
  assert.equal(await ownerOf(await s.open(), { cookie: pair }), owner);
  assert.equal(s.auth.ownerCookie(request({ cookie: pair }), false), cookie);
  const forged = `session_id=${owner}.${"A".repeat(43)}`;
  assert.equal(await ownerOf(s.auth, { cookie: forged }), "local");
  assert.equal(await ownerOf(s.auth, { cookie: "session_id=7f3a" }), "local");
  assert.equal(await ownerOf(s.auth, { "x-session-id": "test-user", cookie: pair }), "test-user");
  assert.equal(await ownerOf(s.auth, { "x-session-id": "a b<c>" }), "local");
});

Deno.test("an X-Session-ID header opens nothing where people log in", async () => {
  await using s = await setUp({ enabled: true });
  const who = await s.auth.principalOf(request({ "x-session-id": "test-user" }), "127.0.0.1");
  assert.equal(who.kind, "anonymous");
  assert.equal(s.auth.ownerCookie(request(), false), null);
});
