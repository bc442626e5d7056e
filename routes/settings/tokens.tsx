import { page } from "fresh";
import { Role, SCOPES, type TokenRefusal } from "../../lib/auth/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import SettingsPage, { type Outcome } from "./index.tsx";

export const handler = define.handlers<Outcome>({
  GET: (ctx) => ctx.redirect("/settings#tokens", 303),
  async POST(ctx) {
    const { auth } = ctx.state.instrument;
    const { principal } = ctx.state;
    const form = await ctx.req.formData();
    const revoke = form.get("revoke");
    if (revoke !== null) {
      // One that is gone already is as good as revoked.
      await auth.revokeTokenAs(principal, String(revoke));
      return ctx.redirect("/settings#tokens", 303);
    }
    const role = Role.safeParse(form.get("role"));
    const name = String(form.get("name") ?? "").trim();
    if (!role.success || name === "" || name.length > 64) {
      return refused("A token needs a name of 1 to 64 characters and a role");
    }
    const scopes = SCOPES.filter((scope) => form.getAll("scope").includes(scope));
    const issued = await auth.issueTokenAs(principal, { name, role: role.data, scopes });
    return issued.ok ? page({ token: issued.value.token }) : refused(refusalText(issued.refusal));
  },
});

export default SettingsPage;

function refused(text: string) {
  return page({ failure: { of: "tokens" as const, text } }, { status: 422 });
}

function refusalText(refusal: TokenRefusal): string {
  switch (refusal.kind) {
    case "exceeds-own":
      return `A token can do no more than you: its ${refusal.what} would be wider than yours`;
    case "token-unknown":
      return "There is no such token";
    default:
      return `The token was not issued: ${refusal.kind.replaceAll("-", " ")}`;
  }
}
