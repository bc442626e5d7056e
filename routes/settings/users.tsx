import { page } from "fresh";
import { actorOf, Role, type UserRefusal } from "../../lib/auth/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import SettingsPage, { type Outcome } from "./index.tsx";

export const handler = define.handlers<Outcome>({
  GET: (ctx) => ctx.redirect("/settings#users", 303),
  async POST(ctx) {
    const { users } = ctx.state.instrument.auth;
    const actor = actorOf(ctx.state.principal);
    const form = await ctx.req.formData();
    const remove = form.get("remove");
    const role = Role.safeParse(form.get("role"));
    if (remove === null && !role.success) return refused("A user needs a role");
    const done = remove !== null ? await users.remove(String(remove), actor) : await users.add({
      name: String(form.get("name") ?? ""),
      role: role.data ?? "observer",
      password: String(form.get("password") ?? ""),
    }, actor);
    return done.ok ? ctx.redirect("/settings#users", 303) : refused(refusalText(done.refusal));
  },
});

export default SettingsPage;

function refused(text: string) {
  return page({ failure: { of: "users" as const, text } }, { status: 422 });
}

function refusalText(refusal: UserRefusal): string {
  switch (refusal.kind) {
    case "user-unknown":
      return `There is no user “${refusal.name}”`;
    case "user-exists":
      return `There is a user “${refusal.name}” already`;
    case "bad-name":
      return `“${refusal.name}” cannot be a name: 1 to 32 lower case letters, digits, ., _ and -`;
    case "bad-password":
      return `The password cannot be used: ${refusal.why}`;
    case "last-admin":
      return `“${refusal.name}” is the last admin; name another one first`;
  }
}
