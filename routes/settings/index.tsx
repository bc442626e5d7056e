import { page } from "fresh";
import { formatDuration, formatStamp } from "../../components/format.ts";
import SimulatorPanel from "../../islands/SimulatorPanel.tsx";
import { actorOf, atLeast, ROLES, SCOPES } from "../../lib/auth/mod.ts";
import { maskConfig } from "../../lib/config.ts";
import { define, type State, THEMES } from "../../lib/instrument/mod.ts";

const THEME_WORDS = {
  system: "As this device is set",
  light: "Light",
  dark: "Dark",
  darkroom: "Dark-room: red light only",
};

/** What the tokens form left behind: the one time a token is shown, or why it was not issued. */
export interface Issued {
  token: string | null;
  failure: string | null;
}

export const handler = define.handlers<Issued>({
  GET: () => page({ token: null, failure: null }),
});

export default define.page<typeof handler>(function SettingsPage({ state, data }) {
  const { instrument, principal } = state;
  const status = instrument.status();
  const admin = atLeast(principal.role, "admin");
  return (
    <>
      <div class="head">
        <h1>Settings</h1>
      </div>
      <div class="columns">
        <Themes state={state} />
        <section class="card">
          <header>
            <h2>This instrument</h2>
          </header>
          <dl class="facts">
            <dt>Name</dt>
            <dd>{status.name}</dd>
            <dt>Holdfast</dt>
            <dd>{status.version}</dd>
            <dt>Up for</dt>
            <dd class="num">{formatDuration(status.nowMs - status.startedAtMs)}</dd>
            <dt>You are</dt>
            <dd>
              {principal.kind === "local" ? "on this machine, with all rights" : actorOf(principal)}
            </dd>
            <dt>Logging in</dt>
            <dd>
              {instrument.auth.enabled
                ? "required"
                : "not set up; reachable from this machine only"}
            </dd>
          </dl>
          <div class="row">
            <a class="btn" href="/docs">API description</a>
            {principal.kind === "user" && (
              <form method="post" action="/api/v1/logout">
                <button class="btn" type="submit">Log out</button>
              </form>
            )}
          </div>
        </section>
        <Tokens state={state} issued={data} />
        {instrument.auth.enabled && admin && <Users state={state} />}
        {status.simulated && (
          <SimulatorPanel
            devices={instrument.devices.list().map((v) => ({
              deviceId: v.capability.deviceId,
              label: v.capability.label,
            }))}
          />
        )}
        {admin && (
          <section class="card wide">
            <header>
              <h2>Effective configuration</h2>
              <span class="sub">
                from holdfast.toml, the environment and defaults; secrets are masked
              </span>
            </header>
            <pre
              class="log"
              tabIndex={0}
            >{JSON.stringify(maskConfig(instrument.config), null, 2)}</pre>
          </section>
        )}
      </div>
    </>
  );
});

function Themes({ state }: { state: State }) {
  return (
    <section class="card" id="theme">
      <header>
        <h2>Theme</h2>
      </header>
      <form method="post" action="/settings/theme">
        <fieldset class="choices">
          <legend class="visually-hidden">Theme</legend>
          {THEMES.map((theme) => (
            <label key={theme}>
              <input type="radio" name="theme" value={theme} checked={state.theme === theme} />
              {THEME_WORDS[theme]}
            </label>
          ))}
        </fieldset>
        <button class="btn" type="submit">Use this theme</button>
      </form>
    </section>
  );
}

function Tokens({ state, issued }: { state: State; issued: Issued }) {
  const { auth, clock } = state.instrument;
  const nowMs = clock.nowMs();
  const tokens = auth.tokensOf(state.principal);
  const roles = ROLES.filter((role) => atLeast(state.principal.role, role));
  return (
    <section class="card wide" id="tokens">
      <header>
        <h2>API tokens</h2>
        <span class="sub">
          for programs; sent as <code>Authorization: Bearer …</code>
        </span>
      </header>
      {issued.token !== null && (
        <p class="notice notice-info" role="status">
          <span class="dot" />
          <b>Copy it now; it is not shown again:</b>
          <code class="grow">{issued.token}</code>
        </p>
      )}
      {issued.failure !== null && (
        <p class="notice" role="alert">
          <span class="dot" />
          <span class="grow">{issued.failure}</span>
        </p>
      )}
      {tokens.length === 0
        ? (
          <p class="empty">
            No token yet. Programs on this machine need none unless logging in is set up.
          </p>
        )
        : (
          <div class="scroll-x">
            <table>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Role</th>
                  <th>Scopes</th>
                  <th>Issued</th>
                  <th>Last used</th>
                  <th>
                    <span class="visually-hidden">Revoke</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {tokens.map((token) => (
                  <tr key={token.id}>
                    <td>
                      <b>{token.name}</b>{" "}
                      {token.expired && <span class="tag tag-warn">expired</span>}
                    </td>
                    <td>{token.role}</td>
                    <td>{token.scopes.length === 0 ? "all" : token.scopes.join(", ")}</td>
                    <td class="num">{formatStamp(token.createdAtMs, nowMs)}</td>
                    <td class="num">
                      {token.lastUsedAtMs === null
                        ? "never"
                        : formatStamp(token.lastUsedAtMs, nowMs)}
                    </td>
                    <td>
                      <form method="post" action="/settings/tokens">
                        <input type="hidden" name="revoke" value={token.id} />
                        <button class="btn btn-danger" type="submit">Revoke</button>
                      </form>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      <form class="row filter" method="post" action="/settings/tokens">
        <label for="token-name">Name</label>
        <input id="token-name" name="name" required maxLength={64} placeholder="growth logger" />
        <label for="token-role">Role</label>
        <select id="token-role" name="role">
          {roles.map((role) => <option key={role} value={role}>{role}</option>)}
        </select>
        <fieldset class="inline">
          <legend class="visually-hidden">Scopes; none chosen means all</legend>
          {SCOPES.map((scope) => (
            <label key={scope}>
              <input type="checkbox" name="scope" value={scope} /> {scope}
            </label>
          ))}
        </fieldset>
        <button class="btn btn-main" type="submit">Issue token</button>
      </form>
    </section>
  );
}

function Users({ state }: { state: State }) {
  const { auth, clock } = state.instrument;
  const nowMs = clock.nowMs();
  return (
    <section class="card wide" id="users">
      <header>
        <h2>Users</h2>
      </header>
      <div class="scroll-x">
        <table>
          <thead>
            <tr>
              <th>Name</th>
              <th>Role</th>
              <th>Since</th>
              <th>
                <span class="visually-hidden">Remove</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {auth.users.list().map((user) => (
              <tr key={user.name}>
                <td>
                  <b>{user.name}</b>
                </td>
                <td>{user.role}</td>
                <td class="num">{formatStamp(user.createdAtMs, nowMs)}</td>
                <td>
                  <form method="post" action="/settings/users">
                    <input type="hidden" name="remove" value={user.name} />
                    <button class="btn btn-danger" type="submit">Remove</button>
                  </form>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <form class="row filter" method="post" action="/settings/users">
        <label for="user-name">Name</label>
        <input id="user-name" name="name" required maxLength={32} autocomplete="off" />
        <label for="user-role">Role</label>
        <select id="user-role" name="role">
          {ROLES.map((role) => <option key={role} value={role}>{role}</option>)}
        </select>
        <label for="user-password">Password</label>
        <input
          id="user-password"
          name="password"
          type="password"
          required
          minLength={10}
          autocomplete="new-password"
        />
        <button class="btn btn-main" type="submit">Add user</button>
      </form>
    </section>
  );
}
