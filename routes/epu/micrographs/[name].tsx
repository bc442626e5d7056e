import { Head } from "fresh/runtime";
import { micrographHref } from "../../../components/epu/columns.tsx";
import { Facts, onStage, withUnit } from "../../../components/epu/Facts.tsx";
import { counted, inMicrometres } from "../../../components/epu/shown.ts";
import { Trail } from "../../../components/epu/Trail.tsx";
import { Time } from "../../../components/Time.tsx";
import EpuMicrograph from "../../../islands/EpuMicrograph.tsx";
import type { Epu, Micrograph } from "../../../lib/epu/mod.ts";
import { define } from "../../../lib/instrument/mod.ts";
import { hasPicture, micrographOr404, summaryOr404 } from "../../(_parts)/epu.ts";
import { readerOf } from "../../(_parts)/reader.ts";

/** One micrograph: its preview, its power spectrum, and what is known of it. */
export default define.page(async function MicrographPage(ctx) {
  const { params, state: { instrument: { epu } } } = ctx;
  const { clock } = readerOf(ctx);
  const one = await micrographOr404(epu, params.name!);
  const { acquisitionId: id, squareId, holeId, stem, results } = one;
  const summary = await summaryOr404(epu, id);
  const [isPictured, before, next] = await Promise.all([
    hasPicture(epu, summary, one.previewPath, one.xmlPath),
    besides(epu, one, true),
    besides(epu, one, false),
  ]);
  const base = `/epu/${encodeURIComponent(id)}`;
  const image = `/api/v1/epu/micrographs/${encodeURIComponent(one.id)}/image`;
  const { motion, ctf, picking, selection } = results;
  return (
    <>
      <Head>
        <title>{`${stem} · ${summary.acquisition.name}`}</title>
      </Head>
      <Trail
        steps={[
          ["Cryo-EM", "/epu"],
          [summary.acquisition.name, base],
          [`Square ${squareId}`, `${base}/squares/${squareId}`],
          [`Hole ${holeId}`, `${base}/holes/${holeId}`],
        ]}
      />
      <div class="head">
        <h1>{stem}</h1>
        {one.xmlPath === null && <span class="tag tag-warn">only in EPU’s ledger</span>}
        <nav class="row end" aria-label="Micrographs before and after it">
          <Step to={before} label="Previous" rel="prev" />
          <Step to={next} label="Next" rel="next" />
        </nav>
      </div>
      <div class="epu-micrograph">
        <section class="card" aria-label="Picture">
          {isPictured
            ? (
              <EpuMicrograph
                src={image}
                alt={`Micrograph ${stem}`}
                pixelSizeA={one.pixelSizeA}
                widthPx={one.widthPx}
              />
            )
            : (
              <p class="empty">
                {one.xmlPath === null
                  ? "EPU lists this exposure, but none of its files has been seen."
                  : "EPU left no preview beside its xml."}
              </p>
            )}
        </section>
        <section class="card" aria-label="Metrics">
          <header>
            <h2>Metrics</h2>
          </header>
          <Facts
            label="Metrics"
            facts={[
              ["Defocus asked for", inMicrometres(one.appliedDefocusM)],
              ["Defocus of the lens", inMicrometres(one.defocusM)],
              ["Dose", withUnit(one.doseEPerA2, 1, "e⁻/Å²")],
              ["Pixel size", withUnit(one.pixelSizeA, 3, "Å")],
              [
                "Fractions recorded of expected",
                `${one.fractionsRecorded ?? "—"} of ${one.fractionsExpected ?? "—"}`,
              ],
              ["Motion, total", withUnit(motion?.totalA ?? null, 1, "Å")],
              ["Motion, average", withUnit(motion?.averageA ?? null, 2, "Å")],
              ["CTF resolution", withUnit(ctf?.maxResolutionA ?? null, 2, "Å")],
              [
                "CTF defocus U, V",
                ctf === null || ctf.defocusUM === null
                  ? null
                  : `${inMicrometres(ctf.defocusUM)}, ${inMicrometres(ctf.defocusVM)}`,
              ],
              ["Particles picked", picking === null ? null : counted(picking.picked)],
              [
                "Particles selected, rejected",
                selection === null
                  ? null
                  : `${counted(selection.selected)}, ${counted(selection.rejected)}`,
              ],
              [
                "Taken",
                one.acquiredAtMs === null
                  ? null
                  : <Time key="at" atMs={one.acquiredAtMs} clock={clock} as="stamp" />,
              ],
            ]}
          />
          <details>
            <summary>Microscope</summary>
            <Facts
              label="Microscope"
              facts={[
                ["Exposure", withUnit(one.exposureMs, 0, "ms")],
                ["Magnification", withUnit(one.magnification, 0, "×")],
                ["Voltage", withUnit(one.voltageKv, 0, "kV")],
                ["Detector", one.detectorName],
                [
                  "Energy filter",
                  one.energyFilter === null
                    ? null
                    : one.energyFilter
                    ? `in${one.slitWidthEv === null ? "" : `, slit ${one.slitWidthEv} eV`}`
                    : "out",
                ],
                ["Phase plate", one.phasePlate === null ? null : one.phasePlate ? "in" : "out"],
                [
                  "Image",
                  one.widthPx === null ? null : `${one.widthPx} × ${one.heightPx ?? "—"} px`,
                ],
                ["Binning", withUnit(one.binningX, 0, "")],
                ["Stage", onStage(one.stageXM, one.stageYM)],
                ["Area", one.areaId],
                ["Movie", one.moviePath === null ? null : <code key="movie">{one.moviePath}</code>],
                [
                  "EPU’s unique id",
                  one.uniqueId === null ? null : <code key="id">{one.uniqueId}</code>,
                ],
              ]}
            />
          </details>
        </section>
      </div>
    </>
  );
});

/** The one that became known before it, or after it. */
async function besides(epu: Epu, one: Micrograph, before: boolean): Promise<Micrograph | null> {
  const { items } = await epu.micrographs({
    acquisitionId: one.acquisitionId,
    limit: 1,
    after: JSON.stringify([one.id]),
    newestFirst: before,
  });
  return items[0] ?? null;
}

function Step({ to, label, rel }: { to: Micrograph | null; label: string; rel: string }) {
  return to === null
    ? <button class="btn" type="button" disabled>{label}</button>
    : <a class="btn" href={micrographHref(to.id)} rel={rel}>{label}</a>;
}
