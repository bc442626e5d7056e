import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { askApi } from "../components/ask_api.ts";
import type { PageClock } from "../components/clock.ts";
import {
  byCode,
  codeInWords,
  type FindingsAsk,
  type FindingsData,
  type ShownFinding,
} from "../components/epu_findings.ts";
import { followPage } from "../components/epu_live.ts";
import { EpuVerdict, type FullReport } from "../components/EpuVerdict.tsx";
import { EpuFileRows, FileName, folderOf } from "../components/EpuFileRows.tsx";
import { formatAge } from "../components/format.ts";
import { instrumentNow } from "../components/live.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  acquisitionId: string;
  initial: FindingsData;
  ask: FindingsAsk;
  clock: PageClock;
}

/** Findings change with every file that EPU writes: a look in a while is enough. */
const LEAST_MS = 4000;

/** What a person should know of the files: the verdict, findings by kind, what waits, what is cut short; live. */
export default function EpuFindings({ acquisitionId, initial, ask, clock }: Props) {
  const data = useSignal(initial);
  const report = useSignal<FullReport | null>(null);
  const checking = useSignal(false);
  const failure = useSignal<string | null>(null);

  useEffect(() => {
    const page = followPage<FindingsData>({
      matters: ({ type, subject }) => type === "epu.changed" && subject === acquisitionId,
      take: (next) => data.value = next,
      leastMs: LEAST_MS,
    });
    return page.stop;
  }, []);

  async function check() {
    if (checking.value) return;
    checking.value = true;
    const { ok, body } = await askApi(
      "GET",
      `/epu/acquisitions/${encodeURIComponent(acquisitionId)}/validation`,
    );
    report.value = ok ? body : null;
    failure.value = ok ? null : body?.detail ?? "The instrument did not answer";
    checking.value = false;
  }

  const { verdict, findings, found, orphans, files, counts } = data.value;
  const nowMs = instrumentNow(clock);
  const last = ask.from + findings.length;
  return (
    <>
      <EpuVerdict
        verdict={verdict}
        report={report.value}
        isChecking={checking.value}
        failure={failure.value}
        onCheck={check}
        clock={clock}
      />
      <section class="card" aria-label="Findings">
        <header>
          <h2>Findings</h2>
          <span class="sub num">
            {found === counts.findings ? `${found}` : `${found} of ${counts.findings}`}
            {found > findings.length && `, ${ask.from + 1} to ${last} shown`}
          </span>
        </header>
        <Filter ask={ask} codes={data.value.codes} />
        {findings.length === 0
          ? (
            <p class="empty">
              {counts.findings === 0
                ? "Nothing was found wrong with the files so far."
                : "No finding is like that."}
            </p>
          )
          : byCode(findings).map((some) => (
            <Kind findings={some} key={`${some[0]!.severity} ${some[0]!.code}`} nowMs={nowMs} />
          ))}
        <Pages ask={ask} last={last} found={found} />
      </section>
      <section class="card table-card" aria-label="Orphans">
        <header>
          <h2>Orphans</h2>
          <span class="sub num">
            {counts.orphans === 0 ? "none waits" : `${counts.orphans} wait for their parent`}
          </span>
        </header>
        {orphans.length === 0
          ? (
            <p class="empty">
              Files that were read before what they belong to would wait here; none is lost.
            </p>
          )
          : (
            <table class="row-table">
              <thead>
                <tr>
                  <th scope="col">File</th>
                  <th scope="col">Waits for</th>
                  <th scope="col">Since</th>
                  <th scope="col" class="num">Age</th>
                </tr>
              </thead>
              <tbody>
                {orphans.map((one) => (
                  <tr key={one.path}>
                    <th scope="row">
                      <FileName path={one.path} />
                      <small class="why">
                        {folderOf(one.path)}
                        {one.kind.replaceAll("-", " ")}
                      </small>
                    </th>
                    <td>{one.parentKind} {one.parentKey}</td>
                    <td>
                      <Time atMs={one.sinceMs} clock={clock} as="stamp" />
                    </td>
                    <td class="num" data-label="age">{formatAge(nowMs - one.sinceMs)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
      </section>
      <section class="card table-card" aria-label="Truncated and unreadable files">
        <header>
          <h2>Truncated and unreadable files</h2>
          <span class="sub num">{files.length === 0 ? "none" : files.length}</span>
        </header>
        {files.length === 0
          ? <p class="empty">Every file that was read ends where it should.</p>
          : <EpuFileRows files={files} clock={clock} nowMs={nowMs} />}
      </section>
    </>
  );
}

const SEVERITY_CLASS = { error: "tag tag-crit", warning: "tag tag-warn", info: "tag" } as const;
/** Files of one kind of finding that are drawn at first. */
const ROWS = 5;

function Kind({ findings, nowMs }: { findings: readonly ShownFinding[]; nowMs: number }) {
  const { severity, code, consequence } = findings[0]!;
  const rest = findings.length - ROWS;
  return (
    <section class="finding-kind">
      <h3>
        {severity !== "info" && (
          <span class={severity === "error" ? "dot crit" : "dot warn"} aria-hidden="true" />
        )}
        {codeInWords(code)} <span class={SEVERITY_CLASS[severity]}>{severity}</span>{" "}
        <span class="sub num">{findings.length === 1 ? "" : `${findings.length} files`}</span>
      </h3>
      <p class="consequence">{consequence}</p>
      <ul class="plain-list">
        {findings.slice(0, ROWS).map((one) => <Row finding={one} nowMs={nowMs} key={one.path} />)}
      </ul>
      {rest > 0 && (
        <details>
          <summary>{rest} more</summary>
          <ul class="plain-list">
            {findings.slice(ROWS).map((one) => <Row finding={one} nowMs={nowMs} key={one.path} />)}
          </ul>
        </details>
      )}
    </section>
  );
}

function Row({ finding, nowMs }: { finding: ShownFinding; nowMs: number }) {
  const { path, where, text, firstSeenAtMs } = finding;
  return (
    <li class="finding">
      <span class="path">
        {path === "" ? "the session’s folder" : <FileName path={path} />}
        <small>
          {folderOf(path)}
          {text}
          {where !== null && <>(at {where})</>}
        </small>
      </span>
      <span class="num age">{formatAge(nowMs - firstSeenAtMs)}</span>
    </li>
  );
}

function Filter({ ask, codes }: { ask: FindingsAsk; codes: readonly string[] }) {
  const isFiltered = ask.severity !== null || ask.code !== "" || ask.text !== "";
  return (
    <form class="row filter" method="get" role="search" aria-label="Findings">
      <span class="pair">
        <label for="f-severity">Severity</label>
        <select id="f-severity" name="severity">
          <option value="" selected={ask.severity === null}>any</option>
          {["error", "warning", "info"].map((one) => (
            <option key={one} value={one} selected={one === ask.severity}>{one}</option>
          ))}
        </select>
      </span>
      <span class="pair">
        <label for="f-code">Kind</label>
        <select id="f-code" name="code">
          <option value="" selected={ask.code === ""}>any</option>
          {codes.map((one) => (
            <option key={one} value={one} selected={one === ask.code}>{codeInWords(one)}</option>
          ))}
        </select>
      </span>
      <span class="pair grow">
        <label for="f-q">Words</label>
        <input
          id="f-q"
          type="search"
          name="q"
          defaultValue={ask.text}
          maxLength={100}
          placeholder="part of a path"
        />
      </span>
      <button class="btn" type="submit">Filter</button>
      {isFiltered && <a class="btn btn-quiet" href="?">All again</a>}
    </form>
  );
}

function Pages({ ask, last, found }: { ask: FindingsAsk; last: number; found: number }) {
  if (ask.from === 0 && last >= found) return null;
  const query = (from: number) =>
    `?${new URLSearchParams({
      ...(ask.severity === null ? {} : { severity: ask.severity }),
      ...(ask.code === "" ? {} : { code: ask.code }),
      ...(ask.text === "" ? {} : { q: ask.text }),
      ...(from === 0 ? {} : { from: String(from) }),
    })}`;
  return (
    <nav class="row pages" aria-label="Pages of findings">
      {ask.from > 0 && <a class="btn" href={query(0)}>First</a>}
      {last < found && <a class="btn" href={query(last)}>Further</a>}
    </nav>
  );
}
