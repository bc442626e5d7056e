import { page } from "fresh";
import { Head } from "fresh/runtime";
import { EpuTabs } from "../../../components/EpuTabs.tsx";
import EpuTrends from "../../../islands/EpuTrends.tsx";
import { define } from "../../../lib/instrument/mod.ts";
import { acquisitionNamed } from "../../(_parts)/epu_decisions.ts";
import { trendsAsk, trendsOf } from "../../(_parts)/epu_trends.ts";
import { asksData, dataReply } from "../../(_parts)/page_data.ts";
import { readerOf } from "../../(_parts)/reader.ts";

export const handler = define.handlers({
  async GET({ state: { instrument }, params, req, url }) {
    if (!asksData(req)) return page();
    const acquisition = await acquisitionNamed(instrument, params.id!);
    return dataReply(await trendsOf(instrument, acquisition, trendsAsk(url.searchParams)));
  },
});

/** What processing found, over the exposures and by square. */
export default define.page<typeof handler>(async function TrendsPage(ctx) {
  const { state: { instrument }, params, url } = ctx;
  const acquisition = await acquisitionNamed(instrument, params.id!);
  const ask = trendsAsk(url.searchParams);
  return (
    <>
      <Head>
        <title>{`Trends · ${acquisition.name} · ${instrument.status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Trends</h1>
        <span class="sub">{acquisition.name}</span>
        <EpuTabs id={acquisition.id} here="trends" />
      </div>
      <EpuTrends
        acquisitionId={acquisition.id}
        name={acquisition.name}
        initial={await trendsOf(instrument, acquisition, ask)}
        ask={ask}
        clock={readerOf(ctx).clock}
      />
    </>
  );
});
