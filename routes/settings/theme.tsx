import { define, THEMES } from "../../lib/instrument/mod.ts";

const YEAR_S = 31_536_000;

export const handler = define.handlers({
  GET: (ctx) => ctx.redirect("/settings", 303),
  async POST(ctx) {
    const asked = String((await ctx.req.formData()).get("theme") ?? "");
    const theme = THEMES.find((one) => one === asked) ?? "system";
    const reply = ctx.redirect("/settings", 303);
    reply.headers.append(
      "set-cookie",
      `theme=${theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Strict; HttpOnly`,
    );
    return reply;
  },
});
