import { byEpuOrder, type DecisionAuthority, draft, isOpen, openHoles } from "../authority.ts";

/** What EPU chose itself: the baseline that every other authority is measured against. */
export const epuOrder: DecisionAuthority = {
  name: "epu-order",
  version: "1",
  kinds: ["squareOrder", "holeOrder"],
  propose(snapshot, budget) {
    const squares = snapshot.squares.filter(isOpen).sort(byEpuOrder);
    const place = new Map(squares.map(({ id }, i) => [id, i]));
    const holes = openHoles(snapshot).sort((a, b) =>
      place.get(a.squareId)! - place.get(b.squareId)! || byEpuOrder(a, b)
    );
    const reasons = ["EPU's own order"];
    const targets = [
      { kind: "squareOrder" as const, targetIds: squares.map(({ id }) => id), reasons },
      { kind: "holeOrder" as const, targetIds: holes.map(({ id }) => id), reasons },
    ];
    return Promise.resolve(
      targets.filter(({ targetIds }) => targetIds.length > 0)
        .map((one) => draft(snapshot, budget, one)),
    );
  },
};
