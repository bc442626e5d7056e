import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface Column<T> {
  /** As the address names it for sorting; absent: it cannot be sorted by. */
  readonly sort?: string;
  readonly label: string;
  readonly numeric?: boolean;
  /** Left out on a phone. */
  readonly wide?: boolean;
  cell(row: T): ComponentChildren;
}

interface Props<T> {
  label: string;
  /** The first is what the row is called by. */
  columns: readonly Column<T>[];
  rows: readonly T[];
  /** Rows there are in all, where only some are loaded. */
  total?: number;
  keyOf(row: T): string | number;
  chosen: string | number | null;
  /** As the address has it: a column, "-" before it for the largest first. */
  sort: string;
  sortHref(sort: string): string;
  onSort(event: MouseEvent, sort: string): void;
  onRow?(row: T): void;
  /** The last rows are nearly seen. */
  onEnd?(): void;
  /** Rows left out at the top without scripts. */
  from?: number;
}

/** Rows a reader without scripts is given at once. */
export const ROWS_FIRST = 100;
const ROW_PX = 36;
const SPARE = 12;
const NEAR_END = 40;

/**
 * A table of any length: only the rows that are seen are in the page, all of one height. Without scripts it is
 * a plain table of the first hundred.
 */
export function EpuTable<T>(props: Props<T>) {
  const { label, columns, rows, total, keyOf, chosen, onRow, onEnd, from = 0 } = props;
  const scroller = useRef<HTMLDivElement>(null);
  /** `null`: as the server made it. */
  const seen = useSignal<{ top: number; height: number; row: number } | null>(null);

  function look() {
    const element = scroller.current!;
    const row = element.querySelector<HTMLElement>("tr[aria-rowindex]")?.offsetHeight || ROW_PX;
    const next = { top: element.scrollTop, height: element.clientHeight, row };
    const last = seen.peek();
    // A row's worth of scrolling changes nothing that is drawn.
    const step = (one: { top: number; row: number }) => Math.floor(one.top / (one.row * SPARE / 3));
    if (
      last !== null && step(last) === step(next) && last.height === next.height &&
      last.row === next.row
    ) return;
    seen.value = next;
  }
  useEffect(() => {
    look();
    const watcher = new ResizeObserver(look);
    watcher.observe(scroller.current!);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    const at = chosen === null ? -1 : rows.findIndex((row) => keyOf(row) === chosen);
    const now = seen.peek();
    const element = scroller.current!;
    if (at === -1 || now === null) return;
    const top = at * now.row;
    const inside = top >= element.scrollTop && top <= element.scrollTop + now.height - 2 * now.row;
    if (!inside) element.scrollTop = Math.max(0, top - now.height / 2);
  }, [chosen, seen.value === null]);

  const now = seen.value;
  const first = now === null ? from : Math.max(0, Math.floor(now.top / now.row) - SPARE);
  const end = now === null
    ? from + ROWS_FIRST
    : Math.min(rows.length, Math.ceil((now.top + now.height) / now.row) + SPARE);
  const shown = rows.slice(first, end);
  const isNearEnd = now !== null && end > rows.length - NEAR_END;
  useEffect(() => {
    if (isNearEnd) onEnd?.();
  }, [isNearEnd, rows.length]);
  const px = now?.row ?? ROW_PX;

  return (
    <div class="epu-scroll" ref={scroller} onScroll={look}>
      <table class="epu-table num" aria-label={label} aria-rowcount={(total ?? rows.length) + 1}>
        <thead>
          <tr>
            {columns.map((column) => <Heading key={column.label} column={column} {...props} />)}
          </tr>
        </thead>
        <tbody>
          {now !== null && <Spacer key="above" px={first * px} />}
          {shown.map((row, i) => {
            const key = keyOf(row);
            return (
              <tr
                key={key}
                class={key === chosen ? "chosen" : undefined}
                aria-rowindex={first + i + 2}
                onClick={onRow === undefined ? undefined : (event) => {
                  // Links in the row lead where they say.
                  if ((event.target as Element).closest("a") === null) onRow(row);
                }}
              >
                {columns.map((column, n) =>
                  n === 0
                    ? <th scope="row" key={column.label}>{column.cell(row)}</th>
                    : <td key={column.label} class={classOf(column)}>{column.cell(row)}</td>
                )}
              </tr>
            );
          })}
          {now !== null && <Spacer key="below" px={(rows.length - end) * px} />}
        </tbody>
      </table>
    </div>
  );
}

function Spacer({ px }: { px: number }) {
  return px <= 0 ? null : (
    <tr class="spacer" aria-hidden="true">
      <td height={px} />
    </tr>
  );
}

function Heading<T>({ column, sort, sortHref, onSort }: Props<T> & { column: Column<T> }) {
  const { sort: name, label } = column;
  if (name === undefined) return <th scope="col" class={classOf(column)}>{label}</th>;
  const isUp = sort === name;
  const isDown = sort === `-${name}`;
  const next = isUp ? `-${name}` : isDown ? "" : name;
  return (
    <th
      scope="col"
      class={classOf(column)}
      aria-sort={isUp ? "ascending" : isDown ? "descending" : undefined}
    >
      <a href={sortHref(next)} onClick={(event) => onSort(event, next)}>
        {label}
        {isUp ? " ↑" : isDown ? " ↓" : ""}
      </a>
    </th>
  );
}

function classOf<T>({ numeric, wide }: Column<T>): string | undefined {
  const names = [numeric ? "num" : "", wide ? "wide" : ""].filter((name) => name !== "");
  return names.length === 0 ? undefined : names.join(" ");
}
