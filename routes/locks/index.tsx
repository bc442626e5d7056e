import { page } from "fresh";
import { LOCK_WINDOWS, lockWindow } from "../../components/locks.ts";
import LockBoard from "../../islands/LockBoard.tsx";
import { define } from "../../lib/instrument/mod.ts";
import { lockScopesOf } from "../../lib/locks/mod.ts";
import { actOnLock, boardOf } from "../(_parts)/locks.ts";
import { readerOf } from "../(_parts)/reader.ts";

export const handler = define.handlers<{ failed: string | null }>({
  GET: () => page({ failed: null }),
  /** The board's buttons without scripts. */
  async POST(ctx) {
    const { instrument, principal } = ctx.state;
    const failed = await actOnLock(instrument, principal, await ctx.req.formData());
    return failed === null ? ctx.redirect("/locks", 303) : page({ failed }, { status: 409 });
  },
});

export default define.page<typeof handler>(async function LocksPage(ctx) {
  const { data: { failed }, state: { instrument, principal }, url } = ctx;
  const { clock, actor } = readerOf(ctx);
  const may = lockScopesOf(principal);
  const shown = lockWindow(url.searchParams.get("window"));
  const maintenance = instrument.locks.list({ type: "MAINTENANCE" }).value
    .find(({ deviceIds }) => deviceIds.includes("*"));
  return (
    <>
      <div class="head">
        <h1>Locks</h1>
        <span class="sub">Who may drive which device, and who waits for it</span>
        <div class="seg" role="group" aria-label="Window">
          {LOCK_WINDOWS.map(({ key, label }) => (
            <a href={`/locks?window=${key}`} aria-current={key === shown.key} key={key}>
              {label}
            </a>
          ))}
        </div>
        {may.includes("lock:maintenance") && maintenance === undefined && <Maintain />}
      </div>
      {failed !== null && (
        <p class="notice notice-crit" role="alert">
          <span class="dot" />
          <span class="grow">{failed}</span>
        </p>
      )}
      <section class="card" aria-label="Devices">
        <LockBoard
          initial={await boardOf(instrument)}
          windowKey={shown.key}
          actor={actor}
          mayLock={may.includes("lock:write")}
          mayForce={may.includes("lock:force")}
          clock={clock}
        />
      </section>
      <p class="sub">
        For programs: <a href="/docs">the API</a> under{" "}
        <code>/api/v1/locks</code>. Reading and STOP need no lock.
      </p>
    </>
  );
});

/** Everything for service work, until it is given back. */
function Maintain() {
  return (
    <details class="menu confirm">
      <summary class="btn">Maintenance</summary>
      <form class="menu-list below" method="post" action="/locks">
        <input type="hidden" name="action" value="maintain" />
        <p>
          You hold every device until you give them back. A running experiment is held first: its
          devices go to the hold state it declared. What others drive goes to its safe state.
        </p>
        <label class="field">
          <span class="label">Why</span>
          <input name="reason" required minLength={3} maxLength={200} autocomplete="off" />
        </label>
        <button class="btn btn-danger" type="submit">Begin maintenance</button>
      </form>
    </details>
  );
}
