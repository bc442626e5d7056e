import { Head } from "fresh/runtime";
import { actionInWords, typeInWords } from "../../components/locks.ts";
import { Time } from "../../components/Time.tsx";
import { define } from "../../lib/instrument/mod.ts";
import { readerOf } from "../(_parts)/reader.ts";

const SHOWN = 100;

/** Every decision about one device's locks, newest first, denials included. */
export default define.page(async function LockHistoryPage(ctx) {
  const { params, state: { instrument }, url } = ctx;
  const { clock, actor } = readerOf(ctx);
  const deviceId = params.device!;
  const label = instrument.devices.view(deviceId)?.capability.label ?? deviceId;
  const before = Number(url.searchParams.get("before"));
  const records = await instrument.locks.audit({
    deviceId,
    limit: SHOWN,
    ...(Number.isSafeInteger(before) && before > 0 ? { beforeSeq: before } : {}),
  });
  const known = instrument.devices.view(deviceId) !== null;
  return (
    <>
      <Head>
        <title>{`Locks of ${label} · ${instrument.status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Locks of {label}</h1>
        <span class="sub">Every decision, denials included; newest first</span>
        <a class="btn btn-quiet" href="/locks">All locks</a>
        {known && <a class="btn btn-quiet" href={`/devices/${deviceId}`}>The device</a>}
      </div>
      <section class="card table-card" aria-label="Record">
        {records.length === 0
          ? <p class="empty">Nobody has asked for it yet.</p>
          : (
            <table class="lock-table">
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">What</th>
                  <th scope="col">Who</th>
                  <th scope="col">For</th>
                  <th scope="col">Why</th>
                  <th scope="col">With</th>
                </tr>
              </thead>
              <tbody>
                {records.map((record) => (
                  <tr key={record.seq}>
                    <td class="fig" data-label="when">
                      <Time atMs={record.atMs} clock={clock} as="stamp" />
                    </td>
                    <th scope="row">{actionInWords(record.action)}</th>
                    <td data-label="who">
                      {record.owner === null
                        ? "—"
                        : record.owner.actor === actor
                        ? "you"
                        : record.owner.label}
                      {record.by !== null && record.by !== record.owner?.actor &&
                        ` (by ${record.by})`}
                    </td>
                    <td data-label="for">
                      {record.type === null ? "—" : typeInWords(record.type)}
                    </td>
                    <td data-label="why">{record.reason ?? record.lock?.reason ?? ""}</td>
                    <td data-label="with">
                      {record.deviceIds.filter((id) => id !== deviceId).join(", ")}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        {records.length === SHOWN && (
          <p>
            <a
              class="btn btn-quiet"
              href={`/locks/${encodeURIComponent(deviceId)}?before=${records.at(-1)!.seq}`}
            >
              Older
            </a>
          </p>
        )}
      </section>
    </>
  );
});
