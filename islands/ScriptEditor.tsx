import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { editedScript } from "../components/script_text.ts";
import type { ScriptError, ScriptKind } from "../lib/experiments/model.ts";

/** Where a script that was not sent is kept while its tab lives. */
const DRAFT = "holdfast-script";
const DRAFT_MOST = 1_000_000;
const PLACEHOLDER = `from bioreactor_client import Bioreactor

with Bioreactor() as bio:
    print(bio.get_temperature())`;

interface Props {
  script: string;
  kind: ScriptKind;
  errors: ScriptError[];
  /** Most bytes a script may have. */
  limitKb: number;
}

/**
 * A script as text with line numbers; a file can be chosen or dropped. Without scripts it is a text area and
 * a file field, and the file counts where one is chosen.
 */
export default function ScriptEditor({ script, kind, errors, limitKb }: Props) {
  const text = useSignal(script);
  const chosen = useSignal(kind);
  const failure = useSignal<string | null>(null);
  const over = useSignal(false);
  const restored = useSignal(false);
  const gutter = useRef<HTMLPreElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  // Lines are wrong only in the text that was refused.
  const wrong = new Set(text.value === script ? errors.map(({ line }) => line) : []);
  const lines = Math.max(24, text.value.split("\n").length);

  useEffect(() => {
    const { current } = area;
    if (current === null) return;
    // What the browser kept of a page that was left, or what was typed before it was awake.
    if (current.value !== text.value) text.value = current.value;
    const draft = sessionStorage.getItem(DRAFT);
    if (text.value === "" && draft !== null) {
      text.value = draft;
      restored.value = true;
    }
    if (text.value !== script) tellOthers();
    // A sent script comes back with the page if it is refused. STOP leaves the page too, and keeps it.
    const sent = () => sessionStorage.removeItem(DRAFT);
    current.form?.addEventListener("submit", sent);
    return () => current.form?.removeEventListener("submit", sent);
  }, []);

  /** The parameters' form beside it follows. */
  function tellOthers() {
    editedScript.value = { text: text.value, kind: chosen.value };
  }

  function edit(changed: string) {
    text.value = changed;
    tellOthers();
    restored.value = false;
    if (changed === "" || changed === script) sessionStorage.removeItem(DRAFT);
    else if (changed.length < DRAFT_MOST) sessionStorage.setItem(DRAFT, changed);
  }

  async function take(file: File | undefined) {
    if (file === undefined) return;
    failure.value = file.size > limitKb * 1024
      ? `“${file.name}” has ${Math.ceil(file.size / 1024)} KiB; a script may have ${limitKb}`
      : null;
    if (failure.value !== null) return;
    edit((await file.text()).replaceAll("\r\n", "\n"));
    chosen.value = file.name.endsWith(".ts") ? "typescript" : "python";
    tellOthers();
  }

  function goTo(line: number) {
    const { current } = area;
    if (current === null) return;
    const before = current.value.split("\n").slice(0, line - 1);
    const at = before.reduce((sum, one) => sum + one.length + 1, 0);
    current.focus();
    current.setSelectionRange(at, at + (current.value.split("\n")[line - 1]?.length ?? 0));
    current.scrollTop = Math.max(0, (line - 6) * 19.5);
  }

  return (
    <>
      {errors.length > 0 && (
        <ul class="plain-list script-errors">
          {errors.map(({ line, column, message }) => (
            <li key={`${line}:${column}:${message}`}>
              {line !== null && (
                <a
                  class="num"
                  href="#script"
                  onClick={(event) => {
                    event.preventDefault();
                    goTo(line);
                  }}
                >
                  line {line}
                  {column !== null && `, column ${column}`}
                </a>
              )} {message}
            </li>
          ))}
        </ul>
      )}
      <div
        class={over.value ? "editor over" : "editor"}
        onDragOver={(event) => {
          event.preventDefault();
          over.value = true;
        }}
        onDragLeave={() => over.value = false}
        onDrop={(event) => {
          event.preventDefault();
          over.value = false;
          take(event.dataTransfer?.files[0]);
        }}
      >
        <pre class="gutter" ref={gutter} aria-hidden="true">
          {Array.from({ length: lines }, (_, index) => (
            <span key={index} class={wrong.has(index + 1) ? "wrong" : undefined}>{`${index + 1}\n`}</span>
          ))}
        </pre>
        <textarea
          id="script"
          class="code"
          name="script"
          aria-label="Script"
          aria-invalid={errors.length > 0 ? "true" : undefined}
          spellcheck={false}
          autocomplete="off"
          wrap="off"
          rows={24}
          ref={area}
          value={text}
          placeholder={PLACEHOLDER}
          onInput={(event) => edit(event.currentTarget.value)}
          onScroll={(event) => {
            if (gutter.current !== null) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      {restored.value && <p class="sub">What you had written here and not sent is back.</p>}
      {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
      <div class="row">
        <label for="kind">Language</label>
        <select
          id="kind"
          name="kind"
          value={chosen}
          onChange={(event) => {
            chosen.value = event.currentTarget.value as ScriptKind;
            tellOthers();
          }}
        >
          <option value="python" selected={chosen.value === "python"}>Python</option>
          <option value="typescript" selected={chosen.value === "typescript"}>TypeScript</option>
        </select>
        <label for="file">or a file</label>
        <input
          id="file"
          name="file"
          type="file"
          accept=".py,.ts"
          onChange={async (event) => {
            const input = event.currentTarget;
            await take(input.files?.[0]);
            // Its text is in the editor now, where it can be changed: the file itself is not sent.
            input.value = "";
          }}
        />
      </div>
    </>
  );
}
