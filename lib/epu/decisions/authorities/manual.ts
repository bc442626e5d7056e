import { type DecisionAuthority, draft, isOpen, openHoles } from "../authority.ts";

/** What people planned, as far as it is still to be done. */
export const manual: DecisionAuthority = {
  name: "manual",
  version: "1",
  kinds: ["squareOrder", "holeOrder"],
  propose(snapshot, budget) {
    const squares = new Set(snapshot.squares.filter(isOpen).map(({ id }) => id));
    const holes = new Set(openHoles(snapshot).map(({ id }) => id));
    const left = (planned: readonly number[], open: ReadonlySet<number>) =>
      [...new Set(planned)].filter((id) => open.has(id));
    const reasons = ["Planned by hand"];
    const targets = [
      { kind: "squareOrder" as const, targetIds: left(snapshot.plan.squares, squares), reasons },
      { kind: "holeOrder" as const, targetIds: left(snapshot.plan.holes, holes), reasons },
    ];
    return Promise.resolve(
      targets.filter(({ targetIds }) => targetIds.length > 0)
        .map((one) => draft(snapshot, budget, one)),
    );
  },
};
