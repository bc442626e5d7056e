import { HttpError } from "fresh";
import { Head } from "fresh/runtime";
import { micrographHref } from "../../../../components/epu/columns.tsx";
import { Facts, onStage, withUnit } from "../../../../components/epu/Facts.tsx";
import { Observations } from "../../../../components/epu/Observations.tsx";
import { Progress } from "../../../../components/epu/Progress.tsx";
import { inMicrometres, stateInWords } from "../../../../components/epu/shown.ts";
import { Trail } from "../../../../components/epu/Trail.tsx";
import { Time } from "../../../../components/Time.tsx";
import type { Acquisition, Micrograph } from "../../../../lib/epu/mod.ts";
import { define } from "../../../../lib/instrument/mod.ts";
import { epuIdOr404, hasPicture, summaryOr404 } from "../../../(_parts)/epu.ts";
import { readerOf } from "../../../(_parts)/reader.ts";

const MICROGRAPHS_MAX = 200;

/** One foil hole: its images, and an exposure for every area of the template. */
export default define.page(async function HolePage(ctx) {
  const { params, state: { instrument: { epu } } } = ctx;
  const { clock } = readerOf(ctx);
  const id = params.id!;
  const summary = await summaryOr404(epu, id);
  const hole = await epu.hole(id, null, epuIdOr404(params.hole, "foil hole"));
  if (hole === null) throw new HttpError(404, "There is no such foil hole");
  const { squareId, holeId } = hole;
  const [observations, { items: micrographs }, hasImage] = await Promise.all([
    epu.observations(id, squareId, holeId),
    epu.micrographs({ acquisitionId: id, squareId, holeId, limit: MICROGRAPHS_MAX }),
    hasPicture(epu, summary, hole.previewPath, hole.imagePath),
  ]);
  const base = `/epu/${encodeURIComponent(id)}`;
  const image = `/api/v1/epu/acquisitions/${encodeURIComponent(id)}/holes/${holeId}/image`;
  return (
    <>
      <Head>
        <title>{`Hole ${holeId} · ${summary.acquisition.name}`}</title>
      </Head>
      <Trail
        steps={[
          ["Cryo-EM", "/epu"],
          [summary.acquisition.name, base],
          [`Square ${squareId}`, `${base}/squares/${squareId}`],
        ]}
      />
      <div class="head">
        <h1>Hole {holeId}</h1>
        <span class="chip">{stateInWords(hole.state)}</span>
        {hole.nearGridBar === true && <span class="tag tag-warn">near a grid bar</span>}
        {hole.inferred && <span class="tag">known from a path only</span>}
        <span class="sub">
          {hole.selected === true ? "selected" : hole.selected === false ? "not selected" : ""}
        </span>
        <a class="btn" href={`${base}?square=${squareId}&hole=${holeId}`}>On the map</a>
      </div>
      <section class="card" aria-label="Exposures">
        <header>
          <h2>Exposures</h2>
        </header>
        <Progress exposures={hole.exposures} />
        <ul class="exposure-grid">
          {cardsOf(summary.acquisition, micrographs, hole.selected === true).map((card) =>
            card.micrograph === null
              ? (
                <li key={card.key} class="missing">
                  <span class="picture" aria-hidden="true" />
                  <b>Area {card.areaId}</b>
                  <span>not exposed yet</span>
                </li>
              )
              : (
                <li key={card.key}>
                  <a href={micrographHref(card.micrograph.id)}>
                    <Thumbnail one={card.micrograph} />
                    <b>Area {card.areaId}</b>
                  </a>
                  <span class="num">
                    {card.micrograph.acquiredAtMs === null ? "in EPU’s ledger" : (
                      <Time
                        key="at"
                        atMs={card.micrograph.acquiredAtMs}
                        clock={clock}
                        as="clock"
                      />
                    )}
                    {card.micrograph.appliedDefocusM !== null &&
                      ` · ${inMicrometres(card.micrograph.appliedDefocusM)}`}
                    {card.micrograph.results.ctf !== null &&
                      ` · CTF ${card.micrograph.results.ctf.maxResolutionA.toFixed(2)} Å`}
                  </span>
                </li>
              )
          )}
        </ul>
      </section>
      <div class="epu-maps">
        <section class="card" aria-label="Image">
          <header>
            <h2>Image</h2>
          </header>
          {hasImage
            ? (
              <a class="lit epu-image" href={image}>
                <img src={image} alt={`Foil hole ${holeId}`} />
              </a>
            )
            : (
              <p class="empty">
                There is no picture of it: EPU images one hole of a cluster.
                {hole.primaryHoleId !== null && hole.primaryHoleId !== holeId && (
                  <>
                    {" This one is exposed from "}
                    <a href={`${base}/holes/${hole.primaryHoleId}`}>hole {hole.primaryHoleId}</a>.
                  </>
                )}
              </p>
            )}
          <h3>Every image taken of it</h3>
          <Observations observations={observations} clock={clock} />
        </section>
        <section class="card" aria-label="Facts">
          <header>
            <h2>Facts</h2>
          </header>
          <Facts
            label="Facts about the hole"
            facts={[
              ["EPU order", hole.order === null || hole.order < 0 ? null : hole.order + 1],
              ["Quality of its image", withUnit(hole.quality, 2, "")],
              ["EPU quality", withUnit(hole.epuQuality, 2, "")],
              ["Intensity, mean", withUnit(hole.intensityMean, 0, "counts")],
              ["Intensity, spread", withUnit(hole.intensitySd, 0, "counts")],
              ["Diameter", withUnit(hole.diameterPx, 1, "px")],
              ["Stage", onStage(hole.stageXM, hole.stageYM)],
              [
                "Cluster’s hole",
                hole.primaryHoleId === null
                  ? null
                  : (
                    <a key="cluster" href={`${base}/holes/${hole.primaryHoleId}`}>
                      {hole.primaryHoleId}
                    </a>
                  ),
              ],
              ["Beam shift", hole.beamShiftId],
              [
                "Imaged",
                hole.imagedAtMs === null
                  ? null
                  : <Time key="at" atMs={hole.imagedAtMs} clock={clock} as="stamp" />,
              ],
            ]}
          />
        </section>
      </div>
    </>
  );
});

interface Card {
  readonly key: string;
  readonly areaId: number;
  readonly micrograph: Micrograph | null;
}

/** What was exposed, and the areas of the template that still wait. */
function cardsOf(
  { areas }: Acquisition,
  micrographs: readonly Micrograph[],
  isTarget: boolean,
): Card[] {
  const done = micrographs
    .toSorted((a, b) => (a.acquiredAtMs ?? Infinity) - (b.acquiredAtMs ?? Infinity))
    .map((micrograph) => ({ key: micrograph.id, areaId: micrograph.areaId, micrograph }));
  if (!isTarget) return done;
  const exposed = new Set(micrographs.map(({ areaId }) => areaId));
  const waiting = areas
    .filter(({ areaId }) => !exposed.has(areaId))
    .map(({ areaId }) => ({ key: `area ${areaId}`, areaId, micrograph: null }));
  return [...done, ...waiting];
}

function Thumbnail({ one }: { one: Micrograph }) {
  if (one.previewPath === null) return <span class="picture" aria-hidden="true" />;
  return (
    <span class="picture lit">
      <img
        src={`/api/v1/epu/micrographs/${encodeURIComponent(one.id)}/image`}
        alt=""
        loading="lazy"
      />
    </span>
  );
}
