import type { ListWords } from "./experiments.ts";

interface Props extends ListWords {
  /** The page's own address. */
  action: string;
  /** Words the page begins with, left out of links. */
  first: Pick<ListWords, "owner" | "state">;
  owners: readonly string[];
  states: readonly (readonly [value: string, label: string])[];
  /** What the search looks at. */
  hint: string;
}

/** Whose, which state, which words: a form, so that the address holds what is asked for. */
export function ListFilter({ action, owner, state, text, first, owners, states, hint }: Props) {
  const isFiltered = owner !== first.owner || state !== first.state || text !== "";
  return (
    <form class="row filter" method="get" action={action} role="search">
      <span class="pair">
        <label for="f-owner">Whose</label>
        <select id="f-owner" name="owner">
          {[["me", "mine"], ["all", "everybody’s"], ...owners.map((one) => [one, one])].map((
            [value, label],
          ) => <option key={value} value={value} selected={value === owner}>{label}</option>)}
        </select>
      </span>
      <span class="pair">
        <label for="f-state">State</label>
        <select id="f-state" name="state">
          {states.map(([value, label]) => (
            <option key={value} value={value} selected={value === state}>{label}</option>
          ))}
        </select>
      </span>
      <span class="pair grow">
        <label for="f-q">Words</label>
        <input
          id="f-q"
          type="search"
          name="q"
          defaultValue={text}
          maxLength={100}
          placeholder={hint}
        />
      </span>
      <button class="btn" type="submit">Search</button>
      {isFiltered && <a class="btn btn-quiet" href={action}>All again</a>}
    </form>
  );
}

/** Links to older pages of the same search. */
export function ListPages(
  { action, words, cursor, next, lookedAt }: {
    action: string;
    words: ListWords;
    cursor: number | null;
    next: number | null;
    lookedAt: number | null;
  },
) {
  if (cursor === null && next === null) return null;
  const query = (cursor: number | null) =>
    `${action}?${new URLSearchParams({
      owner: words.owner,
      state: words.state,
      ...(words.text === "" ? {} : { q: words.text }),
      ...(cursor === null ? {} : { cursor: String(cursor) }),
    })}`;
  return (
    <nav class="row" aria-label="Pages">
      {cursor !== null && <a class="btn" href={query(null)}>Newest</a>}
      {next !== null && (
        <a class="btn" href={query(next)}>{lookedAt === null ? "Older" : "Search further back"}</a>
      )}
      {lookedAt !== null && (
        <span class="sub">{lookedAt} records were looked at, down to number {next}.</span>
      )}
    </nav>
  );
}
