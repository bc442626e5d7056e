import { page } from "fresh";
import { faultAsk } from "../../components/simulator.ts";
import { define } from "../../lib/instrument/mod.ts";
import SettingsPage, { type Outcome } from "./index.tsx";

export const handler = define.handlers<Outcome>({
  GET: (ctx) => ctx.redirect("/settings#simulator", 303),
  /** The simulator's forms without scripts. */
  async POST(ctx) {
    const { devices } = ctx.state.instrument;
    const form = await ctx.req.formData();
    const text = (name: string) => form.get(name)?.toString() ?? "";
    const act = text("act");
    const done = act === "add"
      ? await devices.simulate(
        "fault",
        faultAsk(text("device"), text("kind"), Number(text("seconds"))),
        text("device"),
      )
      : act === "clear"
      ? await devices.simulate("clear-faults", {})
      : act === "scale"
      ? await devices.simulate("time-scale", { scale: Number(text("scale")) })
      : null;
    if (done === null) return refused("That is not something a simulator can be told");
    if (done.ok) return ctx.redirect("/settings#simulator", 303);
    const { refusal } = done;
    return refused(
      refusal.kind === "invalid"
        ? refusal.errors.map(({ path, message }) => `${path}: ${message}`).join("; ")
        : refusal.kind === "offline"
        ? `The simulator does not answer: ${refusal.text}`
        : "There is no such simulated device",
    );
  },
});

export default SettingsPage;

function refused(text: string) {
  return page({ failure: { of: "simulator" as const, text } }, { status: 422 });
}
