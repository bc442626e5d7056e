import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { Facts, onStage, withUnit } from "../../../../components/epu/Facts.tsx";
import { Observations } from "../../../../components/epu/Observations.tsx";
import { Progress } from "../../../../components/epu/Progress.tsx";
import { inMicrometres, stateInWords } from "../../../../components/epu/shown.ts";
import { Trail } from "../../../../components/epu/Trail.tsx";
import { formatActor } from "../../../../components/format.ts";
import { Time } from "../../../../components/Time.tsx";
import { actorOf } from "../../../../lib/auth/mod.ts";
import type { Epu, GridSquare } from "../../../../lib/epu/mod.ts";
import { define } from "../../../../lib/instrument/mod.ts";
import { epuIdOr404, hasPicture, summaryOr404 } from "../../../(_parts)/epu.ts";
import { readerOf } from "../../../(_parts)/reader.ts";

const NOTE_MAX = 2000;

export const handler = define.handlers({
  GET: () => page(),
  /** The note. */
  async POST(ctx) {
    const { instrument: { epu }, principal } = ctx.state;
    const square = await squareOr404(epu, ctx.params);
    const form = await ctx.req.formData();
    const note = String(form.get("note") ?? "").trim();
    if (note.length > NOTE_MAX) {
      throw new HttpError(
        422,
        `A note has ${NOTE_MAX} characters at most; this has ${note.length}`,
      );
    }
    const { acquisitionId, squareId } = square;
    await epu.note(acquisitionId, squareId, note === "" ? null : note, actorOf(principal));
    return ctx.redirect(
      `/epu/${encodeURIComponent(acquisitionId)}/squares/${squareId}#note`,
      303,
    );
  },
});

async function squareOr404(epu: Epu, params: Record<string, string>): Promise<GridSquare> {
  const square = await epu.square(params.id!, epuIdOr404(params.square, "grid square"));
  if (square === null) throw new HttpError(404, "There is no such grid square");
  return square;
}

/** One grid square: what EPU says of it, its image, and what people noted. */
export default define.page<typeof handler>(async function SquarePage(ctx) {
  const { params, state: { instrument } } = ctx;
  const { epu, steering } = instrument;
  const { clock, actor, mayOperate } = readerOf(ctx);
  const square = await squareOr404(epu, params);
  const { acquisitionId: id, squareId } = square;
  const summary = await summaryOr404(epu, id);
  const [observations, metrics, hasImage] = await Promise.all([
    epu.observations(id, squareId),
    steering.results.squareSummary(id, squareId),
    hasPicture(epu, summary, square.previewPath, square.imagePath),
  ]);
  const base = `/epu/${encodeURIComponent(id)}`;
  const image = `/api/v1/epu/acquisitions/${encodeURIComponent(id)}/squares/${squareId}/image`;
  const said = square.sources.person;
  return (
    <>
      <Head>
        <title>{`Square ${squareId} · ${summary.acquisition.name}`}</title>
      </Head>
      <Trail steps={[["Cryo-EM", "/epu"], [summary.acquisition.name, base]]} />
      <div class="head">
        <h1>Square {squareId}</h1>
        <span class="chip">
          {square.unusable === true ? "unusable" : stateInWords(square.state)}
        </span>
        {square.inferred && <span class="tag">known from a path only</span>}
        <span class="sub">
          {square.selected === true ? "selected" : square.selected === false ? "not selected" : ""}
        </span>
        <a class="btn" href={`${base}?square=${squareId}`}>On the map</a>
        <a class="btn" href={`${base}?square=${squareId}&list=holes`}>Its holes</a>
        <a class="btn" href={`${base}?square=${squareId}&list=micrographs`}>Its micrographs</a>
      </div>
      <section class="card" aria-label="Progress">
        <Progress exposures={square.exposures} />
      </section>
      <div class="epu-maps">
        <section class="card" aria-label="Image">
          <header>
            <h2>Image</h2>
          </header>
          {hasImage
            ? (
              <a class="lit epu-image" href={image}>
                <img src={image} alt={`Grid square ${squareId}`} />
              </a>
            )
            : <p class="empty">There is no picture of it yet.</p>}
          <h3>Every image taken of it</h3>
          <Observations observations={observations} clock={clock} />
        </section>
        <div class="epu-column">
          <section class="card" aria-label="Facts">
            <header>
              <h2>Facts</h2>
            </header>
            <Facts
              label="Facts about the square"
              facts={[
                ["Holes", square.holes],
                ["Holes selected", square.holesSelected],
                ["Holes finished", square.holesFinished],
                ["EPU order", square.order === null || square.order < 0 ? null : square.order + 1],
                ["EPU category", square.category],
                ["CTF resolution, median", withUnit(metrics.ctfResolution?.median ?? null, 2, "Å")],
                ["Motion, median", withUnit(metrics.totalMotion?.median ?? null, 1, "Å")],
                ["Particles, median", withUnit(metrics.particlesPicked?.median ?? null, 0, "")],
                ["Stage", onStage(square.stageXM, square.stageYM)],
                ["Stage height", inMicrometres(square.stageZM)],
                [
                  "Imaged",
                  square.imagedAtMs === null
                    ? null
                    : <Time key="at" atMs={square.imagedAtMs} clock={clock} as="stamp" />,
                ],
                ["Magnification", withUnit(square.magnification, 0, "×")],
                [
                  "Pixel size",
                  square.pixelSizeM === null ? null : withUnit(square.pixelSizeM * 1e9, 1, "nm"),
                ],
                ["Defocus", inMicrometres(square.defocusM)],
                [
                  "Hole spacing",
                  square.holeSpacingM === null || square.holeSpacingM === 0
                    ? null
                    : inMicrometres(square.holeSpacingM),
                ],
                ["Detector", square.detectorName],
              ]}
            />
          </section>
          <section class="card" aria-label="Note" id="note">
            <header>
              <h2>Note</h2>
              {square.note !== null && said !== undefined && (
                <span class="sub">
                  {formatActor(said.path, actor)},{" "}
                  <Time atMs={said.seenAtMs} clock={clock} as="stamp" />
                </span>
              )}
            </header>
            {mayOperate
              ? (
                <form method="post" class="field">
                  <label for="epu-note">What the next person should know of this square</label>
                  <textarea id="epu-note" name="note" rows={3} maxLength={NOTE_MAX}>
                    {square.note ?? ""}
                  </textarea>
                  <button class="btn" type="submit">Save note</button>
                </form>
              )
              : <p class="empty">{square.note ?? "Nobody has noted anything."}</p>}
          </section>
        </div>
      </div>
    </>
  );
});
