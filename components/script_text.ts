import { signal } from "@preact/signals";
import type { ScriptKind } from "../lib/experiments/model.ts";

/**
 * The script in the page's one editor, for islands beside it; `null` until it was changed. Browser only: a
 * server renders for everybody and never sets it.
 */
export const editedScript = signal<{ text: string; kind: ScriptKind } | null>(null);
