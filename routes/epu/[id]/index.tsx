import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { viewOf } from "../../../components/epu/view.ts";
import EpuSession from "../../../islands/EpuSession.tsx";
import { actorOf } from "../../../lib/auth/mod.ts";
import { define } from "../../../lib/instrument/mod.ts";
import { sessionOf, summaryOr404 } from "../../(_parts)/epu.ts";
import { readerOf } from "../../(_parts)/reader.ts";

export const handler = define.handlers({
  GET: () => page(),
  /** Close and reopen. */
  async POST(ctx) {
    const { instrument: { epu }, principal } = ctx.state;
    const { acquisition: { id, state } } = await summaryOr404(epu, ctx.params.id!);
    const form = await ctx.req.formData();
    const to = form.get("action");
    if (to !== "close" && to !== "reopen") {
      throw new HttpError(422, "That is not something an acquisition can be told");
    }
    const isClosed = state === "completed" || state === "abandoned";
    // A second press, or somebody was faster: it is as it was asked to be.
    if (isClosed !== (to === "close")) {
      const reason = String(form.get("reason") ?? "").trim().slice(0, 500);
      await epu.setState(id, to === "close" ? "completed" : "started", actorOf(principal), reason);
    }
    return ctx.redirect(`/epu/${encodeURIComponent(id)}`, 303);
  },
});

export default define.page<typeof handler>(async function SessionPage(ctx) {
  const { params, state: { instrument }, url } = ctx;
  const { clock, mayOperate } = readerOf(ctx);
  const view = viewOf(url.searchParams);
  const session = await sessionOf(instrument, params.id!, view);
  const { acquisition } = session.summary;
  return (
    <>
      <Head>
        <title>{`${acquisition.name} · ${instrument.status().name}`}</title>
      </Head>
      <EpuSession {...session} view={view} clock={clock} />
      {mayOperate && (
        <CloseOrReopen
          id={acquisition.id}
          isClosed={acquisition.state === "completed" || acquisition.state === "abandoned"}
        />
      )}
    </>
  );
});

function CloseOrReopen({ id, isClosed }: { id: string; isClosed: boolean }) {
  return (
    <section class="card" aria-label="End of the session">
      <details>
        <summary>
          {isClosed ? "Take this session up again" : "Call this session finished"}
          <small>
            {isClosed ? "it is closed" : "EPU writes no end mark; files that come later reopen it"}
          </small>
        </summary>
        <form method="post" action={`/epu/${encodeURIComponent(id)}`} class="row">
          <input type="hidden" name="action" value={isClosed ? "reopen" : "close"} />
          <span class="pair grow">
            <label for="epu-reason">Why</label>
            <input id="epu-reason" name="reason" maxLength={500} autocomplete="off" />
          </span>
          <button class="btn" type="submit">{isClosed ? "Reopen" : "Close session"}</button>
        </form>
      </details>
    </section>
  );
}
