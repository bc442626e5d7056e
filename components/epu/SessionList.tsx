import type { PageClock } from "../clock.ts";
import { holeColumns, micrographColumns, micrographHref, squareColumns } from "./columns.tsx";
import { EpuTable, ROWS_FIRST } from "./EpuTable.tsx";
import { listedHoles, listedSquares, ONLY } from "./list.ts";
import { counted, type Resolutions, type ShownHole, type ShownSquare } from "./shown.ts";
import type { MicrographPage } from "./source.ts";
import { changed, LISTS, searchOf, type SessionView, START } from "./view.ts";

interface Props {
  base: string;
  view: SessionView;
  squares: readonly ShownSquare[];
  resolutions: Resolutions;
  /** The one that is shown, whether asked for or not. */
  square: number | null;
  holes: readonly ShownHole[];
  micrographs: MicrographPage | null;
  /** Micrographs of the whole session. */
  total: number;
  clock: PageClock;
  href(to: Partial<SessionView>): string;
  go(event: MouseEvent, to: Partial<SessionView>, keep?: "push" | "replace"): void;
  onView(to: Partial<SessionView>, keep?: "push" | "replace"): void;
  onMore(): void;
}

/** Squares, holes of the square, or micrographs: one of them at a time, as long as it may be. */
export function SessionList(props: Props) {
  const { view, href, go } = props;
  return (
    <section class="card epu-list" aria-label="List">
      <header>
        <div class="seg" role="group" aria-label="List">
          {LISTS.map(([key, label]) => (
            <a
              key={key}
              href={href({ list: key })}
              aria-current={key === view.list}
              onClick={(event) => go(event, { list: key })}
            >
              {label}
            </a>
          ))}
        </div>
        <Filter {...props} />
      </header>
      {view.list === "squares"
        ? <Squares {...props} />
        : view.list === "holes"
        ? <Holes {...props} />
        : <Micrographs {...props} />}
    </section>
  );
}

function sorting({ view, href, go }: Props) {
  return {
    sort: view.sort,
    sortHref: (sort: string) => href({ sort }),
    onSort: (event: MouseEvent, sort: string) => go(event, { sort }, "replace"),
  };
}

function Squares(props: Props) {
  const { view, squares, resolutions, square, href, go, onView } = props;
  const rows = listedSquares(squares, view, resolutions);
  return (
    <>
      <Said shown={rows.length} all={squares.length} noun="squares" />
      <EpuTable
        key="squares"
        label="Grid squares"
        columns={squareColumns({
          resolutions,
          href: (square) => href({ square }),
          onOpen: (event, square) => go(event, { square }),
        })}
        rows={rows}
        keyOf={({ squareId }) => squareId}
        chosen={square}
        onRow={({ squareId }) => onView({ square: squareId })}
        from={view.from}
        {...sorting(props)}
      />
      <Pages {...props} rows={rows.length} />
    </>
  );
}

function Holes(props: Props) {
  const { view, holes, square, href, go, onView } = props;
  if (square === null) {
    return <p class="empty">Select a square: its holes are listed here.</p>;
  }
  const rows = listedHoles(holes, view);
  return (
    <>
      <Said shown={rows.length} all={holes.length} noun={`holes of square ${square}`} />
      <EpuTable
        key={`holes of ${square}`}
        label={`Foil holes of square ${square}`}
        columns={holeColumns({
          href: (hole) => href({ square, hole }),
          onOpen: (event, hole) => go(event, { square, hole }),
        })}
        rows={rows}
        keyOf={({ holeId }) => holeId}
        chosen={view.hole}
        onRow={({ holeId }) => onView({ square, hole: holeId })}
        from={view.from}
        {...sorting(props)}
      />
      <Pages {...props} rows={rows.length} />
    </>
  );
}

function Micrographs(props: Props) {
  const { base, view, micrographs, total, clock, onMore } = props;
  const { square, hole, sort } = view;
  const isAll = square === null && view.only === "";
  if (micrographs === null) {
    return <p class="empty" role="status">The micrographs are being read…</p>;
  }
  const { items, next } = micrographs;
  const oldest = sort === "oldest";
  return (
    <>
      <p class="sub num">
        {isAll
          ? `${counted(total)} micrographs`
          : next === null
          ? `${counted(items.length)} micrographs`
          : `${counted(items.length)} micrographs so far`}
        {hole !== null ? ` of hole ${hole}` : square !== null ? ` of square ${square}` : ""}
        {square !== null ? ", hole by hole" : oldest ? ", oldest first" : ", newest first"}.{" "}
        {square !== null && (
          <a
            href={props.href({ square: null })}
            onClick={(event) => props.go(event, { square: null })}
          >
            Show those of the whole session
          </a>
        )}
      </p>
      {items.length === 0 ? <p class="empty">None of them is like that yet.</p> : (
        <EpuTable
          key={`micrographs of ${square} ${hole} ${view.only} ${sort}`}
          label="Micrographs"
          columns={micrographColumns(clock)}
          rows={items}
          total={isAll ? total : items.length}
          keyOf={({ id }) => id}
          chosen={null}
          onEnd={onMore}
          onRow={({ id }) => location.assign(micrographHref(id))}
          sort=""
          sortHref={() => ""}
          onSort={() => {}}
        />
      )}
      {next !== null && (
        <nav class="row no-script-only" aria-label="Pages">
          <a class="btn" href={base + searchOf({ ...view, after: next })}>Next</a>
        </nav>
      )}
    </>
  );
}

function Said({ shown, all, noun }: { shown: number; all: number; noun: string }) {
  return (
    <p class="sub num">
      {shown === all ? counted(all) : `${counted(shown)} of ${counted(all)}`} {noun}
    </p>
  );
}

/** For readers without scripts: the list a hundred rows at a time. */
function Pages({ base, view, rows }: Props & { rows: number }) {
  if (rows <= ROWS_FIRST) return null;
  const { from } = view;
  const to = (from: number) => base + searchOf({ ...view, from });
  return (
    <nav class="row no-script-only" aria-label="Pages">
      {from > 0 && <a class="btn" href={to(Math.max(0, from - ROWS_FIRST))}>Before</a>}
      {from + ROWS_FIRST < rows && <a class="btn" href={to(from + ROWS_FIRST)}>Next</a>}
      <span class="sub">
        Rows {from + 1} to {Math.min(rows, from + ROWS_FIRST)} of {rows}
      </span>
    </nav>
  );
}

/** Which rows: a form, so that it works without scripts; with them each change counts at once. */
function Filter({ base, view, onView }: Props) {
  const isMicrographs = view.list === "micrographs";
  // What the form itself asks is not also kept.
  const own = { only: "", find: "", ...(isMicrographs ? { sort: "" } : {}) };
  const kept = Object.entries({ ...changed(view, {}), ...own })
    .filter(([name, value]) => value !== START[name as keyof SessionView]);
  return (
    <>
      <form
        class="row filter"
        method="get"
        action={base}
        onSubmit={(event) => event.preventDefault()}
      >
        {kept.map(([name, value]) => (
          <input
            key={name}
            type="hidden"
            name={name}
            value={value === true ? "on" : String(value)}
          />
        ))}
        <span class="pair">
          <label for="epu-only">Show</label>
          <select
            id="epu-only"
            name="only"
            onChange={(event) => onView({ only: event.currentTarget.value }, "replace")}
          >
            {ONLY[view.list].map(([value, label]) => (
              <option key={value} value={value} selected={value === view.only}>{label}</option>
            ))}
          </select>
        </span>
        {isMicrographs
          ? (
            <span class="pair">
              <label for="epu-sort">Order</label>
              <select
                id="epu-sort"
                name="sort"
                onChange={(event) => onView({ sort: event.currentTarget.value }, "replace")}
              >
                <option value="" selected={view.sort !== "oldest"}>newest first</option>
                <option value="oldest" selected={view.sort === "oldest"}>oldest first</option>
              </select>
            </span>
          )
          : (
            <span class="pair">
              <label for="epu-find">Find</label>
              <input
                id="epu-find"
                type="search"
                name="find"
                size={14}
                value={view.find}
                placeholder={view.list === "squares" ? "id or note" : "id"}
                onInput={(event) => onView({ find: event.currentTarget.value.trim() }, "replace")}
              />
            </span>
          )}
        <button class="btn no-script-only" type="submit">Show</button>
      </form>
      {isMicrographs && (
        <form class="row filter" method="get" action="/epu/micrographs">
          <span class="pair">
            <label for="epu-name">Name</label>
            <input
              id="epu-name"
              type="search"
              name="name"
              size={18}
              required
              placeholder="FoilHole_…_Data_…"
            />
          </span>
          <button class="btn" type="submit">Open</button>
        </form>
      )}
    </>
  );
}
