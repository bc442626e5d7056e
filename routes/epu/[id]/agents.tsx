import { page } from "fresh";
import { Head } from "fresh/runtime";
import { EpuTabs } from "../../../components/EpuTabs.tsx";
import EpuAgents from "../../../islands/EpuAgents.tsx";
import { define } from "../../../lib/instrument/mod.ts";
import { acquisitionNamed } from "../../(_parts)/epu_decisions.ts";
import { agentsOf } from "../../(_parts)/epu_findings.ts";
import { asksData, dataReply } from "../../(_parts)/page_data.ts";
import { readerOf } from "../../(_parts)/reader.ts";

export const handler = define.handlers({
  async GET({ state: { instrument }, params, req }) {
    if (!asksData(req)) return page();
    return dataReply(
      await agentsOf(instrument, await acquisitionNamed(instrument, params.id!)),
    );
  },
});

/** Who listens beside the microscope, what it was told, and what became of that. */
export default define.page<typeof handler>(async function AgentsPage(ctx) {
  const { state: { instrument }, params } = ctx;
  const acquisition = await acquisitionNamed(instrument, params.id!);
  return (
    <>
      <Head>
        <title>{`Agents · ${acquisition.name} · ${instrument.status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Agents</h1>
        <span class="sub">{acquisition.name}</span>
        <EpuTabs id={acquisition.id} here="agents" />
      </div>
      <EpuAgents
        initial={await agentsOf(instrument, acquisition)}
        clock={readerOf(ctx).clock}
      />
    </>
  );
});
