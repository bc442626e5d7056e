import AlarmBar from "../islands/AlarmBar.tsx";
import AlarmBoard from "../islands/AlarmBoard.tsx";
import { actorOf } from "../lib/auth/mod.ts";
import { define } from "../lib/instrument/mod.ts";
import { readerOf } from "./(_parts)/reader.ts";

const SHOWN_MOST = 100;

export const handler = define.handlers({
  /** Acknowledging without scripts. One that is over meanwhile needs nobody's eyes any more. */
  async POST(ctx) {
    const form = await ctx.req.formData();
    const id = String(form.get("acknowledge") ?? "");
    await ctx.state.instrument.alarms.acknowledge(id, actorOf(ctx.state.principal));
    return ctx.redirect("/alarms", 303);
  },
});

export default define.page<typeof handler>(async function AlarmsPage(ctx) {
  const { alarms } = ctx.state.instrument;
  const { clock, actor, mayOperate } = readerOf(ctx);
  const active = alarms.active();
  return (
    <>
      <div class="head">
        <h1>Alarms</h1>
      </div>
      <AlarmBar
        initial={active}
        most={SHOWN_MOST}
        except={[]}
        mayDrive={mayOperate}
        clock={clock}
      />
      <AlarmBoard
        active={active}
        past={await alarms.history(SHOWN_MOST)}
        actor={actor}
        clock={clock}
      />
    </>
  );
});
