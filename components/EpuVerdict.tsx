import type { PageClock } from "./clock.ts";
import { type Check, codeInWords, type Verdict } from "./epu_findings.ts";
import { Icon } from "./Icon.tsx";
import { Time } from "./Time.tsx";

/** What a look at every file of the folder came to, as the API has it. */
export interface FullReport {
  readonly atMs: number;
  readonly valid: boolean;
  readonly complete: boolean;
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly consequence: string;
  }[];
  readonly totals: Readonly<Record<string, number>>;
}

interface Props {
  verdict: Verdict;
  report: FullReport | null;
  isChecking: boolean;
  failure: string | null;
  onCheck(): void;
  clock: PageClock;
}

/** Valid and complete, each with what it rests on; and the same after reading every file once more. */
export function EpuVerdict({ verdict, report, isChecking, failure, onCheck, clock }: Props) {
  return (
    <section class="card" aria-label="Validation report">
      <header>
        <h2>Validation</h2>
        <span class="sub">from what was read so far</span>
      </header>
      <div class="verdicts">
        <Side
          title="Valid"
          isMet={verdict.valid}
          words={verdict.valid
            ? "an EPU session’s folder, without errors"
            : "not yet, or not at all"}
          checks={verdict.validity}
        />
        <Side
          title="Complete"
          isMet={verdict.complete}
          words={verdict.complete ? "nothing is missing" : "something is missing or unfinished"}
          checks={verdict.completeness}
        />
      </div>
      <div class="row full-check script-only">
        <button class="btn" type="button" aria-busy={isChecking} onClick={onCheck}>
          {isChecking ? "Reading every file" : "Check every file now"}
        </button>
        <span class="sub">
          {report === null
            ? "Reads the whole folder once, which takes a while for a large session."
            : (
              <>
                At <Time atMs={report.atMs} clock={clock} />:{" "}
                <b>{report.valid ? "valid" : "not valid"}</b>,{" "}
                <b>{report.complete ? "complete" : "not complete"}</b>
              </>
            )}
        </span>
      </div>
      {failure !== null && <p class="error" role="alert">{failure}</p>}
      {report !== null && Object.keys(report.totals).length > 0 && (
        <table class="row-table">
          <thead>
            <tr>
              <th scope="col">Found on disk</th>
              <th scope="col">Severity</th>
              <th scope="col" class="num">Times</th>
              <th scope="col">What follows</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(report.totals).map(([code, times]) => {
              const one = report.findings.find((finding) => finding.code === code);
              return (
                <tr key={code}>
                  <th scope="row">{codeInWords(code)}</th>
                  <td>{one?.severity}</td>
                  <td class="num" data-label="times">{times}</td>
                  <td>{one?.consequence}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Side(
  { title, isMet, words, checks }: {
    title: string;
    isMet: boolean;
    words: string;
    checks: readonly Check[];
  },
) {
  return (
    <div>
      <h3>
        {title}: <b>{isMet ? "yes" : "no"}</b> <span class="sub">{words}</span>
      </h3>
      <ul class="checks">
        {checks.map((check) => (
          <li key={check.label} class={check.isMet ? "met" : "unmet"}>
            <Icon
              name={check.isMet ? "check" : "close"}
              label={check.isMet ? "holds" : "does not hold"}
            />
            <span>{check.label}</span>
            <span class="num">{check.found}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
