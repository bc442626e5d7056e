import { page } from "fresh";
import { Head } from "fresh/runtime";
import { EpuTabs } from "../../../components/EpuTabs.tsx";
import EpuFindings from "../../../islands/EpuFindings.tsx";
import { define } from "../../../lib/instrument/mod.ts";
import { acquisitionNamed } from "../../(_parts)/epu_decisions.ts";
import { findingsAsk, findingsOf } from "../../(_parts)/epu_findings.ts";
import { asksData, dataReply } from "../../(_parts)/page_data.ts";
import { readerOf } from "../../(_parts)/reader.ts";

export const handler = define.handlers({
  async GET({ state: { instrument }, params, req, url }) {
    if (!asksData(req)) return page();
    const acquisition = await acquisitionNamed(instrument, params.id!);
    return dataReply(await findingsOf(instrument, acquisition, findingsAsk(url.searchParams)));
  },
});

/** What a person should know of the files: whether all is valid, whether all is here, and what is not. */
export default define.page<typeof handler>(async function FindingsPage(ctx) {
  const { state: { instrument }, params, url } = ctx;
  const acquisition = await acquisitionNamed(instrument, params.id!);
  const ask = findingsAsk(url.searchParams);
  return (
    <>
      <Head>
        <title>{`Findings · ${acquisition.name} · ${instrument.status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Findings</h1>
        <span class="sub">{acquisition.name}</span>
        <EpuTabs id={acquisition.id} here="findings" />
      </div>
      <EpuFindings
        acquisitionId={acquisition.id}
        initial={await findingsOf(instrument, acquisition, ask)}
        ask={ask}
        clock={readerOf(ctx).clock}
      />
    </>
  );
});
