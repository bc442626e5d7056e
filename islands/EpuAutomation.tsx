import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { isAutomatic, policyInWords, type ShownPolicy } from "../components/epu_decisions.ts";
import { hearEvents, hearHello } from "../components/live.ts";
import { askedPage, postPage } from "../components/page_data.ts";

interface Props {
  acquisitionId: string;
  policy: ShownPolicy | null;
  off: boolean;
  mayDecide: boolean;
  /** The page it stands on, where a form without scripts comes back to. */
  back: string;
}

/** Says on every page of an acquisition that a policy may approve by itself, and switches that off; live. */
export default function EpuAutomation({ acquisitionId, mayDecide, back, ...initial }: Props) {
  const policy = useSignal(initial.policy);
  const off = useSignal(initial.off);
  const pending = useSignal(false);
  const failure = useSignal<string | null>(null);
  const action = `/epu/${encodeURIComponent(acquisitionId)}/decisions`;

  useEffect(() => {
    const stops = [
      hearEvents(({ type, subject, data }) => {
        if (type === "epu.automation") off.value = data.off === true;
        else if (type === "epu.decision_settings" && subject === acquisitionId) {
          policy.value = data.policy as ShownPolicy | null;
        }
      }),
      // What happened before the page listened made no event here.
      hearHello(async () => {
        const now = await askedPage<Pick<Props, "policy" | "off">>(`${action}?part=automation`);
        if (now === null) return;
        policy.value = now.policy;
        off.value = now.off;
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);

  async function switchOff(event: SubmitEvent) {
    event.preventDefault();
    if (pending.value) return;
    pending.value = true;
    const form = new FormData(event.currentTarget as HTMLFormElement, event.submitter);
    failure.value = (await postPage<{ failed: string | null }>(action, form)).failed;
    if (failure.value === null) off.value = true;
    pending.value = false;
  }

  if (!isAutomatic(policy.value, { off: off.value })) return null;
  return (
    <section class="notice auto-notice" aria-label="Automatic approval">
      <span class="dot" />
      <b>Automatic approval is on</b>
      <span class="grow">
        <a href={action}>{policy.value!.name}</a>: {policyInWords(policy.value!)}
        {failure.value !== null && <span class="error" role="alert">. {failure.value}</span>}
      </span>
      {mayDecide && (
        <form method="post" action={action} onSubmit={switchOff}>
          <input type="hidden" name="back" value={back} />
          <button
            class="btn"
            type="submit"
            name="action"
            value="automation-off"
            aria-busy={pending.value}
          >
            Switch off
          </button>
        </form>
      )}
    </section>
  );
}
