import { page } from "fresh";
import { Head } from "fresh/runtime";
import { EpuComparison } from "../../../components/EpuComparison.tsx";
import { EpuTabs } from "../../../components/EpuTabs.tsx";
import EpuDecisionLog from "../../../islands/EpuDecisionLog.tsx";
import EpuProposals from "../../../islands/EpuProposals.tsx";
import { define } from "../../../lib/instrument/mod.ts";
import {
  acquisitionNamed,
  automationOf,
  logOf,
  proposalsOf,
} from "../../(_parts)/epu_decisions.ts";
import { backTo, steer } from "../../(_parts)/epu_steering.ts";
import { asksData, dataReply } from "../../(_parts)/page_data.ts";
import { readerOf } from "../../(_parts)/reader.ts";

export const handler = define.handlers<{ failed: string | null }>({
  async GET({ state: { instrument }, params, req, url }) {
    if (!asksData(req)) return page({ failed: null });
    const acquisition = await acquisitionNamed(instrument, params.id!);
    switch (url.searchParams.get("part")) {
      case "log":
        return dataReply(await logOf(instrument, acquisition.id, url.searchParams.get("before")));
      case "automation":
        return dataReply(await automationOf(instrument, acquisition.id));
      default:
        return dataReply(await proposalsOf(instrument, acquisition));
    }
  },
  /** Every form of the page, and the off switch on the others. */
  async POST(ctx) {
    const { state: { instrument, principal }, params, req } = ctx;
    const { id } = await acquisitionNamed(instrument, params.id!);
    const form = await req.formData();
    const failed = await steer(instrument, principal, id, form);
    if (asksData(req)) {
      const acquisition = await acquisitionNamed(instrument, id);
      return dataReply({ ...await proposalsOf(instrument, acquisition), failed });
    }
    return failed === null
      ? ctx.redirect(backTo(form, `/epu/${encodeURIComponent(id)}/decisions`), 303)
      : page({ failed }, { status: 409 });
  },
});

export default define.page<typeof handler>(async function DecisionsPage(ctx) {
  const { data: { failed }, state: { instrument }, params, url } = ctx;
  const { clock, actor, mayOperate } = readerOf(ctx);
  const acquisition = await acquisitionNamed(instrument, params.id!);
  const { id, name } = acquisition;
  const before = url.searchParams.get("before");
  const [proposals, log, comparisons] = await Promise.all([
    proposalsOf(instrument, acquisition),
    logOf(instrument, id, before),
    instrument.steering.decisions.compare(id),
  ]);
  return (
    <>
      <Head>
        <title>{`Decisions · ${name} · ${instrument.status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Decisions</h1>
        <span class="sub">{name}</span>
        <EpuTabs id={id} here="decisions" />
      </div>
      {failed !== null && (
        <p class="notice notice-crit" role="alert">
          <span class="dot" />
          <span class="grow">{failed}</span>
        </p>
      )}
      <div class="steer">
        <EpuProposals initial={proposals} mayDecide={mayOperate} clock={clock} />
        <EpuDecisionLog
          acquisitionId={id}
          initial={log}
          before={before}
          actor={actor}
          mayDecide={mayOperate}
          clock={clock}
        />
        <EpuComparison comparisons={comparisons ?? []} acting={proposals.settings.acting} />
      </div>
    </>
  );
});
