import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { EpuTabs } from "../../../components/EpuTabs.tsx";
import { fileStateInWords } from "../../../components/epu_findings.ts";
import EpuFiles from "../../../islands/EpuFiles.tsx";
import { FILE_STATES } from "../../../lib/epu/mod.ts";
import { define } from "../../../lib/instrument/mod.ts";
import { acquisitionNamed } from "../../(_parts)/epu_decisions.ts";
import { filesOf } from "../../(_parts)/epu_findings.ts";
import { asksData, dataReply } from "../../(_parts)/page_data.ts";
import { readerOf } from "../../(_parts)/reader.ts";

const KINDS = [
  "session",
  "atlas",
  "square-metadata",
  "square-image",
  "hole-image",
  "micrograph-image",
  "fractions",
];

export const handler = define.handlers({
  async GET({ state: { instrument }, params, req, url }) {
    if (!asksData(req)) return page();
    const acquisition = await acquisitionNamed(instrument, params.id!);
    return dataReply(await filesOf(instrument, acquisition, url.searchParams));
  },
});

/** The manifest: every file of the session, and how far it is. */
export default define.page<typeof handler>(async function FilesPage(ctx) {
  const { state: { instrument }, params, url } = ctx;
  const acquisition = await acquisitionNamed(instrument, params.id!);
  const state = url.searchParams.get("state") ?? "";
  const kind = url.searchParams.get("kind") ?? "";
  const files = await filesOf(instrument, acquisition, url.searchParams).catch((error) => {
    if (error instanceof RangeError) throw new HttpError(400, error.message);
    throw error;
  });
  return (
    <>
      <Head>
        <title>{`Files · ${acquisition.name} · ${instrument.status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Files</h1>
        <span class="sub">{acquisition.name}</span>
        <EpuTabs id={acquisition.id} here="files" />
      </div>
      <section class="card table-card" aria-label="Files">
        <form class="row filter" method="get" role="search" aria-label="Files">
          <span class="pair">
            <label for="f-state">State</label>
            <select id="f-state" name="state">
              <option value="">any</option>
              {FILE_STATES.map((one) => (
                <option key={one} value={one} selected={one === state}>
                  {one}: {fileStateInWords(one)}
                </option>
              ))}
            </select>
          </span>
          <span class="pair">
            <label for="f-kind">Kind</label>
            <select id="f-kind" name="kind">
              <option value="">any</option>
              {KINDS.map((one) => (
                <option key={one} value={one} selected={one === kind}>
                  {one.replaceAll("-", " ")}
                </option>
              ))}
            </select>
          </span>
          <button class="btn" type="submit">Filter</button>
        </form>
        {acquisition.root === null
          ? (
            <p class="empty">
              This acquisition came over the SmartEM API: its files are not watched from here.
            </p>
          )
          : (
            <EpuFiles
              acquisitionId={acquisition.id}
              initial={files}
              asked={{
                ...(state === "" ? {} : { state }),
                ...(kind === "" ? {} : { kind }),
              }}
              isFirst={!url.searchParams.has("after")}
              clock={readerOf(ctx).clock}
            />
          )}
      </section>
    </>
  );
});
