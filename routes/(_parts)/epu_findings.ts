import {
  type AgentsData,
  type FilesData,
  type FindingsAsk,
  type FindingsData,
  SEVERITY_ORDER,
  type ShownFile,
  verdictOf,
} from "../../components/epu_findings.ts";
import {
  type Acknowledgement,
  type Acquisition,
  type AgentSession,
  FILE_STATES,
  type FileEntry,
  PAGE_MAX,
  type StoredFinding,
} from "../../lib/epu/mod.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";

export const FINDINGS_SHOWN = 200;
const ORPHANS_SHOWN = 200;
/** Truncated ones beside the findings, and a page of the manifest. */
const BROKEN_SHOWN = 200;
const FILES_SHOWN = 50;
const INSTRUCTIONS_SHOWN = 50;
const LINES_SHOWN = 100;
const SESSIONS_SHOWN = 20;

/** Findings after which something that the session or EPU's lists name is not here. */
const GAPS = new Set([
  "truncated-xml",
  "short-list",
  "movie-empty",
  "folder-unreadable",
  "atlas-unreachable",
  "atlas-ambiguous",
  "empty-session",
  "empty-atlas",
  "dropped-fractions",
]);

export function findingsAsk(params: URLSearchParams): FindingsAsk {
  const from = Number(params.get("from"));
  return {
    severity: SEVERITY_ORDER.find((one) => one === params.get("severity")) ?? null,
    code: (params.get("code") ?? "").slice(0, 100),
    text: (params.get("q") ?? "").trim().slice(0, 100),
    from: Number.isSafeInteger(from) && from > 0 ? from : 0,
  };
}

export async function findingsOf(
  { epu, clock }: Instrument,
  acquisition: Acquisition,
  ask: FindingsAsk,
): Promise<FindingsData> {
  const { id } = acquisition;
  const [all, counts, orphans, files, squaresRead] = await Promise.all([
    everyFinding(epu, id),
    epu.counts(id),
    epu.orphans({ acquisitionId: id, limit: ORPHANS_SHOWN }),
    epu.files({ acquisitionId: id, limit: BROKEN_SHOWN, states: ["truncated", "unreadable"] }),
    squaresReadOf(epu, id),
  ]);
  const words = ask.text.toLowerCase();
  const asked = all.filter(({ severity, code, path, text }) =>
    (ask.severity === null || severity === ask.severity) &&
    (ask.code === "" || code === ask.code) &&
    (words === "" || `${path} ${text}`.toLowerCase().includes(words))
  );
  const rank = (one: StoredFinding) => SEVERITY_ORDER.indexOf(one.severity);
  asked.sort((a, b) =>
    rank(a) - rank(b) || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0) ||
    a.firstSeenAtMs - b.firstSeenAtMs
  );
  return {
    atMs: clock.nowMs(),
    verdict: verdictOf({
      counts: counts!,
      squaresListed: acquisition.squaresListed,
      squaresRead,
      errors: all.filter(({ severity }) => severity === "error").length,
      gaps: all.filter(({ code }) => GAPS.has(code)).length,
      hasSession: acquisition.sources.session !== undefined,
    }),
    counts: {
      findings: all.length,
      orphans: counts!.orphans,
      truncated: counts!.filesTruncated,
    },
    findings: asked.slice(ask.from, ask.from + FINDINGS_SHOWN).map((one) => ({
      code: one.code,
      severity: one.severity,
      path: inSession(acquisition, one.path),
      where: one.where,
      text: one.text,
      consequence: one.consequence,
      firstSeenAtMs: one.firstSeenAtMs,
    })),
    found: asked.length,
    codes: [...new Set(all.map(({ code }) => code))].sort(),
    orphans: orphans.items.map(({ path, kind, parentKind, parentKey, sinceMs }) => ({
      path: inSession(acquisition, path),
      kind,
      parentKind,
      parentKey,
      sinceMs,
    })),
    files: files.items.map((one) => shownFile(acquisition, one)),
  };
}

/** All of one acquisition: no more are kept of one than a person could ever read. */
async function everyFinding(epu: Instrument["epu"], a: string): Promise<StoredFinding[]> {
  const all: StoredFinding[] = [];
  let after: string | null = null;
  do {
    const page = await epu.findings({ acquisitionId: a, limit: PAGE_MAX, after });
    all.push(...page.items);
    after = page.next;
  } while (after !== null);
  return all;
}

/** Squares that have a file of their own, and not only a place on the atlas. */
async function squaresReadOf(epu: Instrument["epu"], a: string): Promise<number> {
  let count = 0;
  let after: string | null = null;
  do {
    const page = await epu.squares({
      acquisitionId: a,
      limit: PAGE_MAX,
      after,
      filters: { lowMag: false },
    });
    count += page.items.length;
    after = page.next;
  } while (after !== null);
  return count;
}

export async function filesOf(
  { epu, clock }: Instrument,
  acquisition: Acquisition,
  params: URLSearchParams,
): Promise<FilesData> {
  const state = FILE_STATES.find((one) => one === params.get("state"));
  const kind = params.get("kind") ?? "";
  const page = await epu.files({
    acquisitionId: acquisition.id,
    limit: FILES_SHOWN,
    after: params.get("after"),
    ...(state === undefined ? {} : { states: [state] }),
    ...(kind === "" ? {} : { kinds: [kind] }),
  });
  return {
    atMs: clock.nowMs(),
    files: page.items.map((one) => shownFile(acquisition, one)),
    next: page.next,
  };
}

/** A path as people of the session know it: below the session's own folder. */
function inSession({ folder }: Acquisition, path: string): string {
  return folder !== "" && path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
}

function shownFile(acquisition: Acquisition, one: FileEntry): ShownFile {
  const { kind, sizeBytes, state, tries, error, digest, firstSeenAtMs, changedAtMs } = one;
  const path = inSession(acquisition, one.path);
  return { path, kind, sizeBytes, state, tries, error, digest, firstSeenAtMs, changedAtMs };
}

/** The sessions of agents that work on the acquisition, newest first, with what they were told and said. */
export async function agentsOf(
  { steering: { agents }, clock }: Instrument,
  { id }: Acquisition,
): Promise<AgentsData> {
  const own = (await agents.sessions()).filter(({ acquisitionId }) => acquisitionId === id);
  const sessions = await Promise.all(
    own.slice(0, SESSIONS_SHOWN).map(async (session) => ({
      ...shownSession(session),
      connections: (await agents.connections(session.id)).slice(0, 10).map((one) => ({
        id: one.id,
        clientInfo: one.clientInfo,
        state: one.state,
        openedAtMs: one.openedAtMs,
        lastHeartbeatAtMs: one.lastHeartbeatAtMs,
        closedAtMs: one.closedAtMs,
        closeReason: one.closeReason,
      })),
      instructions: (await agents.instructions.list(session.agentId, {
        limit: INSTRUCTIONS_SHOWN,
        sessionId: session.id,
      })).map((one) => ({
        id: one.id,
        type: one.type,
        priority: one.priority,
        state: one.state,
        decisionId: one.decisionId,
        deliveries: one.deliveries,
        createdAtMs: one.createdAtMs,
        sentAtMs: one.sentAtMs,
        receivedAtMs: one.receivedAtMs,
        endedAtMs: one.endedAtMs,
        expiresAtMs: one.expiresAtMs,
        answer: answerInWords(one.answer),
        lateAnswer: answerInWords(one.lateAnswer),
      })),
      lines: (await agents.logLines(session.agentId, session.id, LINES_SHOWN)).map((one) => ({
        atMs: one.atMs,
        level: one.level,
        logger: one.logger,
        message: one.message,
      })),
    })),
  );
  return { atMs: clock.nowMs(), sessions };
}

function shownSession(session: AgentSession) {
  const { id, agentId, name, state, createdAtMs, lastActivityAtMs, endedAtMs } = session;
  return { id, agentId, name, state, createdAtMs, lastActivityAtMs, endedAtMs };
}

function answerInWords(answer: Acknowledgement | null): string | null {
  if (answer === null) return null;
  const { status, error, processingMs } = answer;
  return status + (error === null ? "" : `: ${error}`) +
    (processingMs === null ? "" : `, after ${Math.round(processingMs)} ms`);
}
