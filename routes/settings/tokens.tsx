import { page } from "fresh";
import { Role, SCOPES } from "../../lib/auth/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import SettingsPage, { type Issued } from "./index.tsx";

export const handler = define.handlers<Issued>({
  GET: (ctx) => ctx.redirect("/settings#tokens", 303),
  async POST(ctx) {
    const { auth } = ctx.state.instrument;
    const { principal } = ctx.state;
    const form = await ctx.req.formData();
    const revoke = form.get("revoke");
    if (revoke !== null) {
      await auth.revokeTokenAs(principal, String(revoke));
      return ctx.redirect("/settings#tokens", 303);
    }
    const role = Role.safeParse(form.get("role"));
    const name = String(form.get("name") ?? "").trim();
    if (!role.success || name === "" || name.length > 64) {
      return page({
        token: null,
        failure: "A token needs a name of 1 to 64 characters and a role",
      });
    }
    const scopes = SCOPES.filter((scope) => form.getAll("scope").includes(scope));
    const issued = await auth.issueTokenAs(principal, { name, role: role.data, scopes });
    return page(
      issued.ok
        ? { token: issued.value.token, failure: null }
        : { token: null, failure: `The token was not issued: ${issued.refusal.kind}` },
    );
  },
});

export default SettingsPage;
