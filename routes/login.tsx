import { localPath } from "../lib/auth/mod.ts";
import { define } from "../lib/instrument/mod.ts";

const FAILURES: Record<string, string> = {
  wrong: "That name and password do not belong together.",
  "too-many": "Too many attempts. Wait a few minutes, then try again.",
};

export default define.page(function LoginPage({ state, url }) {
  const next = localPath(url.searchParams.get("next") ?? "/");
  const failure = url.searchParams.get("failed");
  if (!state.instrument.auth.enabled) {
    return (
      <section class="card narrow">
        <header>
          <h1>Nobody needs to log in here</h1>
        </header>
        <p>
          This instrument listens on this machine only and has no accounts. To reach it from other
          machines, set <code>auth.enabled</code> in <code>holdfast.toml</code> and add a user.
        </p>
        <a class="btn" href="/">Overview</a>
      </section>
    );
  }
  return (
    <section class="card narrow">
      <header>
        <h1>Log in</h1>
      </header>
      {failure !== null && (
        <p class="notice" role="alert">
          <span class="dot" />
          <span class="grow">{FAILURES[failure] ?? "Logging in failed."}</span>
        </p>
      )}
      <form method="post" action="/api/v1/login">
        <input type="hidden" name="next" value={next} />
        <div class="field">
          <label for="name">Name</label>
          <input id="name" name="name" autocomplete="username" required />
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input
            id="password"
            name="password"
            type="password"
            autocomplete="current-password"
            required
          />
        </div>
        <button class="btn btn-main" type="submit">Log in</button>
      </form>
    </section>
  );
});
