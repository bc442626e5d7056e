import { createHash } from "node:crypto";
import { z } from "zod";
import type { Decision } from "../model.ts";
import { type EffectChannel, EffectRefused } from "./channel.ts";

/** Athena refuses lists that are too long for it; ours are sent in parts. */
const BATCH = 200;

interface AthenaDecision {
  readonly id: string;
  readonly sessionId: string;
  readonly areaId: number;
  readonly decisionType: "acquisitionOrder" | "foilHoleSelection" | "gridSquareSelection";
  readonly pluginType: "custom";
  readonly decisionValue: string;
  readonly decidedBy: string;
  readonly details: string | null;
  readonly timestamp: string;
}

const Known = z.array(z.looseObject({ id: z.string() }));

/** The service did not take it this time. */
export class AthenaFailed extends Error {
  override readonly name = "AthenaFailed";
}

/**
 * Records decisions with an Athena Decision Service: one record a target, whose id follows from decision and
 * target, so that what is there already is not posted again. Areas are named by EPU's own numbers.
 * Source: Athena Decision Service v1, /api/v1/Session/{id}/Decisions and /api/v1/Decisions.
 */
export function athenaChannel(
  { url, fetch = globalThis.fetch }: { url: string; fetch?: typeof globalThis.fetch },
): EffectChannel {
  const base = `${url.replace(/\/+$/, "")}/api/v1`;
  const call = async (path: string, signal: AbortSignal, body?: unknown): Promise<unknown> => {
    const reply = await fetch(`${base}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
      signal,
      redirect: "manual",
    });
    const text = await reply.text();
    if (reply.ok) return text === "" ? null : parsed(text);
    const message = `Athena answered ${reply.status} to ${path}`;
    if (reply.status >= 400 && reply.status < 500 && ![408, 425, 429].includes(reply.status)) {
      throw new EffectRefused(message);
    }
    throw new AthenaFailed(message);
  };
  return {
    name: "athena",
    capabilities: ["squareOrder", "squareSkip", "holeOrder", "holeSelect"],
    async apply(decision, _key, { settings }, signal) {
      const { athenaSessionId: sessionId } = settings;
      if (sessionId === null) {
        throw new EffectRefused("no Athena session is set for this acquisition");
      }
      const records = recordsOf(decision, sessionId);
      const known = Known.safeParse(await call(`/Session/${sessionId}/Decisions`, signal));
      if (!known.success) throw new AthenaFailed("Athena's list of decisions cannot be understood");
      const there = new Set(known.data.map(({ id }) => id.toLowerCase()));
      const missing = records.filter(({ id }) => !there.has(id));
      for (let from = 0; from < missing.length; from += BATCH) {
        await call("/Decisions", signal, missing.slice(from, from + BATCH));
      }
      return { state: "sent", references: [sessionId], following: false };
    },
  };
}

function recordsOf(decision: Decision, sessionId: string): AthenaDecision[] {
  const { kind, targetIds, by, note, decidedAtMs } = decision;
  return targetIds.map((areaId, i) => ({
    id: uuidOf(`${decision.id}:${areaId}`),
    sessionId,
    areaId,
    ...said(kind, i),
    pluginType: "custom",
    decidedBy: by.name,
    details: note,
    timestamp: new Date(decidedAtMs).toISOString(),
  }));
}

function said(
  kind: Decision["kind"],
  place: number,
): Pick<AthenaDecision, "decisionType" | "decisionValue"> {
  switch (kind) {
    case "squareSkip":
      return { decisionType: "gridSquareSelection", decisionValue: "false" };
    case "holeSelect":
      return { decisionType: "foilHoleSelection", decisionValue: "true" };
    default:
      return { decisionType: "acquisitionOrder", decisionValue: String(place + 1) };
  }
}

/** A version 8 uuid that follows from `text`. Source: RFC 9562 5.8. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  const variant = (parseInt(hex[16]!, 16) & 0x3 | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${
    hex.slice(17, 20)
  }-${hex.slice(20, 32)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AthenaFailed("Athena's answer is not JSON", { cause });
  }
}
