import { Head } from "fresh/runtime";
import type { Summary } from "../../components/epu/shown.ts";
import EpuAcquisitions from "../../islands/EpuAcquisitions.tsx";
import { define } from "../../lib/instrument/mod.ts";
import { readerOf } from "../(_parts)/reader.ts";

const SHOWN = 50;
const SNIPPET = '[[epu.folders]]\nname = "krios"\ndir = "/mnt/epu"';

/** Every cryo-EM session this instrument knows, newest first. */
export default define.page(async function AcquisitionsPage(ctx) {
  const { state: { instrument }, url } = ctx;
  const { epu, config } = instrument;
  const { clock } = readerOf(ctx);
  const after = url.searchParams.get("after");
  const page = await epu.acquisitions({ limit: SHOWN, after });
  const rows: Summary[] = [];
  for (const acquisition of page.items) {
    const counts = await epu.counts(acquisition.id);
    if (counts !== null) rows.push({ acquisition, counts });
  }
  const { folders } = config.epu;
  return (
    <>
      <Head>
        <title>{`Cryo-EM · ${instrument.status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Cryo-EM</h1>
        <span class="sub">
          {folders.length === 0
            ? "No folder is watched"
            : folders.length === 1
            ? `Sessions found below ${folders[0]!.dir}`
            : `Sessions found below ${folders.length} folders`}
        </span>
      </div>
      {rows.length === 0
        ? <Empty dir={folders[0]?.dir ?? null} />
        : (
          <section class="card table-card" aria-label="Acquisitions">
            <EpuAcquisitions initial={rows} isNewest={after === null} clock={clock} />
            {page.next !== null && (
              <p>
                <a class="btn btn-quiet" href={`/epu?after=${encodeURIComponent(page.next)}`}>
                  Older
                </a>
              </p>
            )}
          </section>
        )}
    </>
  );
});

/** What would be here, and the first step. */
function Empty({ dir }: { dir: string | null }) {
  return (
    <section class="card blank">
      <h2>No session yet</h2>
      {dir === null
        ? (
          <>
            <p>
              A session of EPU appears here as soon as its folder is watched. Name the folder in
              {" "}
              <code>holdfast.toml</code> and start Holdfast again:
            </p>
            <pre class="log">{SNIPPET}</pre>
          </>
        )
        : (
          <p>
            <code>{dir}</code> is watched: a session appears here as soon as EPU writes its{" "}
            <code>EpuSession.dm</code>.
          </p>
        )}
      <p>Without a microscope, the simulator writes a session as EPU would:</p>
      <pre class="log">{`hf epu simulate ${dir ?? "/mnt/epu"}`}</pre>
    </section>
  );
}
