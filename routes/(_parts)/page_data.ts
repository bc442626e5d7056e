/** Whether an island of the page asks for its data, and not a person for the page. */
export function asksData(req: Request): boolean {
  return (req.headers.get("accept") ?? "").startsWith("application/json");
}

/** A page's data for its own islands: never kept, for the page itself stands at the same address. */
export function dataReply(data: unknown, status = 200): Response {
  return Response.json(data, {
    status,
    headers: { "cache-control": "no-store", vary: "accept" },
  });
}
