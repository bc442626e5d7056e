/** Comments around what the browser takes over; it finds them by these words. */
export const MARKS = {
  island: "frsh:island:",
  islandEnd: "/frsh:island",
  slot: "frsh:slot:",
  slotEnd: "/frsh:slot",
} as const;
