import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { connect } from "../components/live.ts";
import { AtlasMap } from "../components/epu/AtlasMap.tsx";
import {
  HOLE_COLOURS,
  holeColouring,
  SQUARE_COLOURS,
  squareColouring,
} from "../components/epu/colour.ts";
import { type Changes, followSession } from "../components/epu/follow.ts";
import { SessionCounts, SessionHead } from "../components/epu/SessionHead.tsx";
import { SessionList } from "../components/epu/SessionList.tsx";
import {
  currentSquare,
  exposuresInWords,
  type Resolutions,
  type ShownAtlas,
  type ShownHole,
  type ShownSquare,
  stateInWords,
  type Summary,
} from "../components/epu/shown.ts";
import {
  askHoles,
  askMicrographs,
  askResolutions,
  askSquare,
  askSquares,
  askSummary,
  type MicrographPage,
} from "../components/epu/source.ts";
import { SquareMap } from "../components/epu/SquareMap.tsx";
import { changed, searchOf, type SessionView, viewOf } from "../components/epu/view.ts";

interface Props {
  summary: Summary;
  /** `null` until its file has been read. */
  atlas: ShownAtlas | null;
  squares: ShownSquare[];
  resolutions: Resolutions;
  /** Those of the square that is shown. */
  holes: ShownHole[];
  /** Whether there is a picture of that square. */
  hasSquareImage: boolean;
  /** First page of what the view asks for; `null` while another list is shown. */
  micrographs: MicrographPage | null;
  view: SessionView;
  clock: PageClock;
}

/** Changed squares are asked for one by one up to this many, then all of them. */
const ONE_BY_ONE = 6;

/** A cryo-EM session: atlas, square and list, one selection for all three, in the address. */
export default function EpuSession(props: Props) {
  const { clock } = props;
  const { id } = props.summary.acquisition;
  const base = `/epu/${encodeURIComponent(id)}`;
  const api = `/api/v1/epu/acquisitions/${encodeURIComponent(id)}`;
  const view = useSignal(props.view);
  const summary = useSignal(props.summary);
  const squares = useSignal<readonly ShownSquare[]>(props.squares);
  const resolutions = useSignal(props.resolutions);
  const firstShown = props.view.square ?? currentSquare(props.squares);
  const holes = useSignal<
    { readonly squareId: number | null; readonly rows: readonly ShownHole[] }
  >(
    { squareId: firstShown, rows: props.holes },
  );
  const micrographs = useSignal(props.micrographs);
  const failed = useSignal<string | null>(null);
  /** Pictures that turned out not to be there. */
  const absent = useSignal<ReadonlySet<number>>(
    new Set(firstShown === null || props.hasSquareImage ? [] : [firstShown]),
  );

  const shownId = view.value.square ?? currentSquare(squares.value);
  const square = squares.value.find(({ squareId }) => squareId === shownId) ?? null;
  const rows = holes.value.squareId === shownId ? holes.value.rows : NO_HOLES;
  const { squaresBy, holesBy, hole, path } = view.value;

  function show(to: Partial<SessionView>, keep: "push" | "replace" = "push") {
    const before = view.value;
    const next = changed(before, to);
    const address = base + searchOf(next);
    if (keep === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    turnTo(next);
  }
  function turnTo(next: SessionView) {
    const before = view.value;
    view.value = next;
    if (next.list === "micrographs" && asksOther(before, next)) loadMicrographs(next);
  }
  /** A link of this page: it shows another view without leaving; pressed with a key it stays a link. */
  function go(event: MouseEvent, to: Partial<SessionView>, keep?: "push" | "replace") {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(to, keep);
  }
  const href = (to: Partial<SessionView>) => base + searchOf(changed(view.value, to));

  async function loadHoles(squareId: number) {
    const found = await askHoles(id, squareId);
    if (found === null) {
      failed.value = `The holes of square ${squareId} could not be read: no answer came`;
      return;
    }
    failed.value = null;
    const wanted = view.value.square ?? currentSquare(squares.value);
    if (wanted === squareId) holes.value = { squareId, rows: found };
  }
  async function loadMicrographs(wanted: SessionView) {
    micrographs.value = null;
    const found = await askMicrographs(id, wanted, null);
    if (asksOther(wanted, view.value)) return;
    if (found === null) failed.value = "The micrographs could not be read: no answer came";
    else micrographs.value = found;
  }
  async function moreMicrographs() {
    const wanted = view.value;
    const have = micrographs.value;
    if (have === null || have.next === null) return;
    const found = await askMicrographs(id, wanted, have.next);
    // Another list was asked for, or these came already.
    if (found === null || micrographs.value !== have) return;
    micrographs.value = { items: [...have.items, ...found.items], next: found.next };
  }
  /** What came since stands at the top of the newest first; the rest stays as it was loaded. */
  async function freshMicrographs() {
    const wanted = view.value;
    const have = micrographs.value;
    if (wanted.list !== "micrographs" || have === null || wanted.sort === "oldest") return;
    const found = await askMicrographs(id, wanted, null);
    if (found === null || micrographs.value !== have || asksOther(wanted, view.value)) return;
    micrographs.value = merged(found, have);
  }

  useEffect(() => {
    if (shownId !== null && holes.value.squareId !== shownId) loadHoles(shownId);
  }, [shownId]);

  useEffect(() => {
    connect();
    async function take({ counts, acquisition, squareIds, micrographs, results }: Changes) {
      if (counts !== null) summary.value = { ...summary.value, counts };
      if (acquisition || counts === null) {
        summary.value = await askSummary(id) ?? summary.value;
      }
      if (squareIds === null || squareIds.size > ONE_BY_ONE) {
        squares.value = await askSquares(id) ?? squares.value;
      } else {
        for (const squareId of squareIds) {
          const one = await askSquare(id, squareId);
          if (one !== null) squares.value = withSquare(squares.value, one);
        }
      }
      const shown = view.value.square ?? currentSquare(squares.value);
      if (shown !== null && (squareIds === null || squareIds.has(shown))) {
        if (absent.value.has(shown)) {
          // Its picture may have come with it.
          absent.value = new Set([...absent.value].filter((one) => one !== shown));
        }
        await loadHoles(shown);
      }
      if (results) resolutions.value = await askResolutions(id) ?? resolutions.value;
      if (micrographs || results) await freshMicrographs();
    }
    const back = () => turnTo(viewOf(new URLSearchParams(location.search)));
    addEventListener("popstate", back);
    const stop = followSession(id, take);
    return () => {
      removeEventListener("popstate", back);
      stop();
    };
  }, []);

  const squareColours = useMemo(
    () => squareColouring(squaresBy, resolutions.value),
    [squaresBy, resolutions.value],
  );
  const holeColours = useMemo(() => holeColouring(holesBy, rows), [holesBy, rows]);

  return (
    <>
      <SessionHead summary={summary.value} clock={clock} />
      <SessionCounts summary={summary.value} />
      {failed.value !== null && (
        <p class="notice" role="alert">
          <span class="dot" />
          <span class="grow">{failed.value}</span>
          <button
            class="btn"
            type="button"
            onClick={() => {
              failed.value = null;
              if (shownId !== null) loadHoles(shownId);
              if (view.value.list === "micrographs") loadMicrographs(view.value);
            }}
          >
            Try again
          </button>
        </p>
      )}
      <div class="epu-maps">
        <section class="card" aria-label="Atlas">
          <header>
            <h2>Atlas</h2>
            <div class="seg" role="group" aria-label="Colour squares by">
              {SQUARE_COLOURS.map(([key, label]) => (
                <a
                  key={key}
                  href={href({ squaresBy: key })}
                  aria-current={key === squaresBy}
                  onClick={(event) => go(event, { squaresBy: key }, "replace")}
                >
                  {label}
                </a>
              ))}
            </div>
          </header>
          {props.atlas === null
            ? (
              <p class="empty">
                The atlas has not been read. It appears here once its folder is watched: name it in
                {" "}
                <code>atlasRoots</code>.
              </p>
            )
            : (
              <>
                <AtlasMap
                  atlas={props.atlas}
                  image={props.atlas.hasImage ? `${api}/atlas/image` : null}
                  squares={squares.value}
                  colouring={squareColours}
                  chosen={shownId}
                  hrefOf={(square) => href({ square })}
                  onChoose={(event, square) => go(event, { square })}
                />
              </>
            )}
        </section>
        <section class="card" aria-label="Square">
          <header>
            <h2>
              {square === null
                ? "Square"
                : <a href={`${base}/squares/${square.squareId}`}>Square {square.squareId}</a>}
            </h2>
            <div class="row">
              <a
                class="btn btn-quiet"
                href={href({ path: !path })}
                role="switch"
                aria-checked={path}
                onClick={(event) => go(event, { path: !path }, "replace")}
              >
                {path ? "Order shown" : "Show order"}
              </a>
              <div class="seg" role="group" aria-label="Colour holes by">
                {HOLE_COLOURS.map(([key, label]) => (
                  <a
                    key={key}
                    href={href({ holesBy: key })}
                    aria-current={key === holesBy}
                    onClick={(event) => go(event, { holesBy: key }, "replace")}
                  >
                    {label}
                  </a>
                ))}
              </div>
            </div>
          </header>
          {square === null
            ? (
              <p class="empty">
                Select a square on the atlas or in the list: its holes appear here.
              </p>
            )
            : square.holes === 0
            ? (
              <p class="empty">
                EPU has not found holes on square {square.squareId}{" "}
                yet ({stateInWords(square.state)}).
              </p>
            )
            : (
              <>
                <SquareMap
                  key={square.squareId}
                  square={square}
                  image={absent.value.has(square.squareId)
                    ? null
                    : `${api}/squares/${square.squareId}/image`}
                  onAbsent={() => absent.value = new Set([...absent.value, square.squareId])}
                  holes={rows}
                  colouring={holeColours}
                  chosen={hole}
                  path={path}
                  hrefOf={(hole) => href({ square: square.squareId, hole })}
                  onChoose={(event, hole) => go(event, { square: square.squareId, hole })}
                />
                <Chosen
                  base={base}
                  hole={rows.find(({ holeId }) => holeId === hole)}
                  square={square}
                />
              </>
            )}
        </section>
      </div>
      <SessionList
        base={base}
        view={view.value}
        squares={squares.value}
        resolutions={resolutions.value}
        square={shownId}
        holes={rows}
        micrographs={micrographs.value}
        total={summary.value.counts.micrographs}
        clock={clock}
        href={href}
        go={go}
        onView={show}
        onMore={moreMicrographs}
      />
    </>
  );
}

const NO_HOLES: readonly ShownHole[] = [];

/** The hole that is selected, in words; the square where none is. */
function Chosen(
  { base, hole, square }: { base: string; hole: ShownHole | undefined; square: ShownSquare },
) {
  return (
    <p class="sub num map-said" aria-live="polite">
      {hole === undefined ? exposuresInWords(square.exposures) : (
        <>
          <a href={`${base}/holes/${hole.holeId}`}>Hole {hole.holeId}</a>:{" "}
          {stateInWords(hole.state)}, {exposuresInWords(hole.exposures)}
        </>
      )}
    </p>
  );
}

/** Whether the two views are of other micrographs. */
function asksOther(a: SessionView, b: SessionView): boolean {
  const of = ({ list, square, hole, only, sort }: SessionView) =>
    JSON.stringify([list, square, hole, only, sort]);
  return of(a) !== of(b);
}

function withSquare(squares: readonly ShownSquare[], one: ShownSquare): readonly ShownSquare[] {
  const at = squares.findIndex(({ squareId }) => squareId === one.squareId);
  return at === -1 ? [...squares, one] : squares.with(at, one);
}

/** `fresh` before what is loaded; with a gap between them, `fresh` alone. */
function merged(fresh: MicrographPage, have: MicrographPage): MicrographPage {
  const ids = new Set(fresh.items.map(({ id }) => id));
  const rest = have.items.filter(({ id }) => !ids.has(id));
  const meets = rest.length < have.items.length || fresh.next === null;
  return meets && rest.length > 0 ? { items: [...fresh.items, ...rest], next: have.next } : fresh;
}
