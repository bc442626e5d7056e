import { page } from "fresh";
import type { ComponentChildren } from "preact";
import { formatDuration } from "../../components/format.ts";
import type { SimulatedFault } from "../../components/simulator.ts";
import { Time } from "../../components/Time.tsx";
import SimulatorPanel from "../../islands/SimulatorPanel.tsx";
import { actorOf, atLeast, ROLES, SCOPES } from "../../lib/auth/mod.ts";
import { maskConfig } from "../../lib/config.ts";
import { define, type Instrument, type State, THEMES } from "../../lib/instrument/mod.ts";
import { DashboardCard, type DashboardTyped } from "../(_parts)/DashboardCard.tsx";
import { type Reader, readerOf } from "../(_parts)/reader.ts";

const THEME_WORDS = {
  system: ["As this device is set", ""],
  light: ["Light", ""],
  dark: ["Dark", ""],
  darkroom: ["Dark-room", "red light only, for microscopes and light-sensitive cultures"],
} as const;

/** What one of the forms here left behind. */
export interface Outcome {
  /** The one time a token is shown. */
  readonly token?: string;
  /** What the dashboard's form held when it did nothing. */
  readonly dashboard?: DashboardTyped;
  /** Why a form did nothing, by the section it stands in. */
  readonly failure?: {
    readonly of: "tokens" | "users" | "simulator" | "dashboard";
    readonly text: string;
  };
}

export const handler = define.handlers<Outcome>({
  GET: () => page({}),
});

export default define.page<typeof handler>(async function SettingsPage(ctx) {
  const { state, data } = ctx;
  const { instrument, principal } = state;
  const reader = readerOf(ctx);
  const status = instrument.status();
  const { isAdmin, mayOperate, clock } = reader;
  return (
    <>
      <div class="head">
        <h1>Settings</h1>
      </div>
      <div class="columns">
        <Themes state={state} />
        <section class="card" aria-label="This instrument">
          <header>
            <h2>This instrument</h2>
          </header>
          <dl class="facts">
            <dt>Name</dt>
            <dd>{status.name}</dd>
            <dt>Holdfast</dt>
            <dd class="num">{status.version}</dd>
            <dt>Up for</dt>
            <dd class="num">{formatDuration(status.nowMs - status.startedAtMs)}</dd>
            <dt>Times are in</dt>
            <dd>{clock.zone}</dd>
            <dt>You are</dt>
            <dd>
              {principal.kind === "local"
                ? "on this machine, with all rights"
                : `${actorOf(principal)}, ${principal.role}`}
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
            <a class="btn" href="/problems">Problems</a>
            {principal.kind === "user" && (
              <form method="post" action="/api/v1/logout">
                <button class="btn" type="submit">Log out</button>
              </form>
            )}
          </div>
        </section>
        <DashboardCard
          instrument={instrument}
          mayOperate={mayOperate}
          typed={data.dashboard ?? null}
          failure={failureOf(data, "dashboard")}
        />
        {mayOperate && <Tokens state={state} reader={reader} outcome={data} />}
        {instrument.auth.enabled && isAdmin && (
          <Users state={state} reader={reader} outcome={data} />
        )}
        {status.simulated && mayOperate && (
          <SimulatorPanel
            devices={instrument.devices.list().filter(({ capability }) => capability.simulated)
              .map(({ capability: { deviceId, label } }) => ({ deviceId, label }))}
            {...await simulation(instrument)}
            failure={failureOf(data, "simulator")}
          />
        )}
        {isAdmin && (
          <section class="card wide" aria-label="Effective configuration">
            <details>
              <summary>
                <b>Effective configuration</b>{" "}
                <small>from holdfast.toml, the environment and defaults; secrets are masked</small>
              </summary>
              <pre class="log" tabIndex={0} role="group" aria-label="Configuration">
                {JSON.stringify(maskConfig(instrument.config), null, 2)}
              </pre>
            </details>
          </section>
        )}
      </div>
    </>
  );
});

/** What the simulator is doing; nothing where it does not answer. */
async function simulation(
  { devices }: Instrument,
): Promise<{ faults: SimulatedFault[]; scale: number }> {
  const [faults, scale] = await Promise.all([
    devices.simulate("faults", {}),
    devices.simulate("time-scale", {}),
  ]);
  return {
    faults: faults.ok
      ? faults.value.flatMap((answer) =>
        (answer.faults as SimulatedFault[]).map(({ id, deviceId, kind, active }) => ({
          id,
          deviceId,
          kind,
          active,
        }))
      )
      : [],
    scale: scale.ok ? Number(scale.value[0]?.scale ?? 1) : 1,
  };
}

function failureOf({ failure }: Outcome, of: NonNullable<Outcome["failure"]>["of"]): string | null {
  return failure?.of === of ? failure.text : null;
}

function Failure({ text }: { text: string | null }) {
  return text === null ? null : (
    <p class="notice" role="alert">
      <span class="dot" />
      <span class="grow">{text}</span>
    </p>
  );
}

function Themes({ state }: { state: State }) {
  return (
    <section class="card" id="theme" aria-label="Theme">
      <header>
        <h2>Theme</h2>
      </header>
      <form method="post" action="/settings/theme">
        <fieldset class="choices">
          <legend class="visually-hidden">Theme</legend>
          {THEMES.map((theme) => (
            <label key={theme}>
              <input
                type="radio"
                name="theme"
                value={theme}
                defaultChecked={state.theme === theme}
              />
              {THEME_WORDS[theme][0]}{" "}
              {THEME_WORDS[theme][1] !== "" && <small>{THEME_WORDS[theme][1]}</small>}
            </label>
          ))}
        </fieldset>
        <button class="btn" type="submit">Use this theme</button>
      </form>
    </section>
  );
}

interface SectionProps {
  state: State;
  reader: Reader;
  outcome: Outcome;
}

function Tokens({ state, reader: { clock }, outcome }: SectionProps) {
  const { auth } = state.instrument;
  const tokens = auth.tokensOf(state.principal);
  const roles = ROLES.filter((role) => atLeast(state.principal.role, role));
  return (
    <section class="card wide" id="tokens" aria-label="API tokens">
      <header>
        <h2>API tokens</h2>
        <span class="sub">
          for programs; sent as <code>Authorization: Bearer …</code>
        </span>
      </header>
      {outcome.token !== undefined && (
        <p class="notice notice-info" role="status">
          <span class="dot" />
          <b>Copy it now; it is not shown again:</b>
          <code class="grow secret">{outcome.token}</code>
        </p>
      )}
      <Failure text={failureOf(outcome, "tokens")} />
      {tokens.length === 0
        ? (
          <p class="empty">
            No token yet. Programs on this machine need none unless logging in is set up.
          </p>
        )
        : (
          <Table heads={["Name", "Role", "Scopes", "Issued", "Last used"]} last="Revoke">
            {tokens.map((token) => (
              <tr key={token.id}>
                <th scope="row">
                  {token.name} {token.expired && <span class="tag tag-warn">expired</span>}
                </th>
                <td data-label="role">{token.role}</td>
                <td data-label="scopes">
                  {token.scopes.length === 0 ? "all" : token.scopes.join(", ")}
                </td>
                <td class="fig" data-label="issued">
                  <Time atMs={token.createdAtMs} clock={clock} as="stamp" />
                </td>
                <td class="fig" data-label="last used">
                  {token.lastUsedAtMs === null
                    ? "never"
                    : <Time atMs={token.lastUsedAtMs} clock={clock} as="stamp" />}
                </td>
                <td class="end">
                  <form method="post" action="/settings/tokens">
                    <input type="hidden" name="revoke" value={token.id} />
                    <button
                      class="btn btn-danger"
                      type="submit"
                      aria-label={`Revoke ${token.name}`}
                    >
                      Revoke
                    </button>
                  </form>
                </td>
              </tr>
            ))}
          </Table>
        )}
      <form class="row filter" method="post" action="/settings/tokens">
        <span class="pair">
          <label for="token-name">Name</label>
          <input
            id="token-name"
            name="name"
            required
            maxLength={64}
            placeholder="growth logger"
            autocomplete="off"
          />
        </span>
        <span class="pair">
          <label for="token-role">Role</label>
          <select id="token-role" name="role">
            {roles.map((role) => <option key={role} value={role}>{role}</option>)}
          </select>
        </span>
        <fieldset class="inline">
          <legend>Scopes, none for all</legend>
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

function Users({ state, reader: { clock }, outcome }: SectionProps) {
  return (
    <section class="card wide" id="users" aria-label="Users">
      <header>
        <h2>Users</h2>
      </header>
      <Failure text={failureOf(outcome, "users")} />
      <Table heads={["Name", "Role", "Since"]} last="Remove">
        {state.instrument.auth.users.list().map(({ name, role, createdAtMs }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td data-label="role">{role}</td>
            <td class="fig" data-label="since">
              <Time atMs={createdAtMs} clock={clock} as="stamp" />
            </td>
            <td class="end">
              <form method="post" action="/settings/users">
                <input type="hidden" name="remove" value={name} />
                <button class="btn btn-danger" type="submit" aria-label={`Remove ${name}`}>
                  Remove
                </button>
              </form>
            </td>
          </tr>
        ))}
      </Table>
      <form class="row filter" method="post" action="/settings/users">
        <span class="pair">
          <label for="user-name">Name</label>
          <input id="user-name" name="name" required maxLength={32} autocomplete="off" />
        </span>
        <span class="pair">
          <label for="user-role">Role</label>
          <select id="user-role" name="role">
            {ROLES.map((role) => <option key={role} value={role}>{role}</option>)}
          </select>
        </span>
        <span class="pair">
          <label for="user-password">Password</label>
          <input
            id="user-password"
            name="password"
            type="password"
            required
            minLength={10}
            autocomplete="new-password"
          />
        </span>
        <button class="btn btn-main" type="submit">Add user</button>
      </form>
    </section>
  );
}

/** A small table; its last column has a button and its name only for who does not see it. */
function Table(
  { heads, last, children }: { heads: string[]; last: string; children: ComponentChildren },
) {
  return (
    <table class="row-table">
      <thead>
        <tr>
          {heads.map((head) => <th scope="col" key={head}>{head}</th>)}
          <th scope="col">
            <span class="visually-hidden">{last}</span>
          </th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
