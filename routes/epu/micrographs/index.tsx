import { define } from "../../../lib/instrument/mod.ts";

/** The form that opens a micrograph by its name. */
export const handler = define.handlers({
  GET(ctx) {
    // People paste whole file names and paths.
    const name = (ctx.url.searchParams.get("name") ?? "").trim()
      .replace(/^.*[\\/]/, "")
      .replace(/(_Fractions)?\.\w{2,5}$/i, "");
    return ctx.redirect(name === "" ? "/epu" : `/epu/micrographs/${encodeURIComponent(name)}`, 303);
  },
});
