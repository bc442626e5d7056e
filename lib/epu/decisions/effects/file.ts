import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { DECISION_KINDS } from "../model.ts";
import type { EffectChannel } from "./channel.ts";

/** Writes each decision as a target list an operator loads: a JSON and a CSV file in `dir`. */
export function fileChannel(dir: string): EffectChannel {
  return {
    name: "file",
    capabilities: DECISION_KINDS,
    async apply(decision, idempotencyKey, { acquisition }) {
      await mkdir(dir, { recursive: true });
      const stamp = new Date(decision.decidedAtMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
      const name = `${stamp}_${decision.kind}_${idempotencyKey}`;
      const { id, kind, squareId, targetIds, note, by } = decision;
      const decidedAt = new Date(decision.decidedAtMs).toISOString();
      const json = {
        acquisition: { id: acquisition.id, name: acquisition.name, epuId: acquisition.epuId },
        decision: { id, kind, squareId, decidedAt, by: by.name, note },
        targetIds,
      };
      const rows = targetIds.map((target, i) => `${i + 1},${target}\n`);
      await write(dir, `${name}.json`, JSON.stringify(json, null, 2) + "\n");
      await write(dir, `${name}.csv`, `place,target_id\n${rows.join("")}`);
      return { state: "sent", references: [`${name}.json`, `${name}.csv`], following: false };
    },
  };
}

/** Whole or not at all, and on the disk. */
async function write(dir: string, name: string, text: string): Promise<void> {
  const temporary = join(dir, `.${name}.tmp`);
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(dir, name));
}
