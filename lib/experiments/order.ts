import { Order } from "./keys.ts";
import { RANK_START, rankOf } from "./ranks.ts";

/** Nothing has ever waited. */
export const NO_ORDER: Order = {
  v: 1,
  version: 0,
  nextNumber: 1,
  tail: RANK_START,
  head: RANK_START,
  waiting: 0,
};

/** The stored order, or that of an instrument nobody has used. */
export function orderOf(value: unknown): Order {
  return value === null || value === undefined ? NO_ORDER : Order.parse(value);
}

/** A rank before or behind every other, and the order that has given it away. */
export function placeOf(order: Order, where: "front" | "end"): { rank: string; order: Order } {
  if (where === "end") {
    return { rank: rankOf(order.tail), order: { ...order, tail: order.tail + 1 } };
  }
  return { rank: rankOf(order.head - 1), order: { ...order, head: order.head - 1 } };
}
