import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { ScriptKind } from "../lib/experiments/model.ts";

interface Props {
  script: string;
  kind: ScriptKind;
  errors: { line: number | null; column: number | null; message: string }[];
}

/** A script as text with line numbers; a file can be dropped into it. Without scripts it is a text area and a file field. */
export default function ScriptEditor({ script, kind, errors }: Props) {
  const text = useSignal(script);
  const chosen = useSignal(kind);
  const gutter = useRef<HTMLPreElement>(null);
  const wrong = new Set(errors.map(({ line }) => line));
  const lines = Math.max(16, text.value.split("\n").length);

  async function take(file: File | undefined) {
    if (file === undefined) return;
    if (file.size > 1_048_576) return void alert("A script may have at most 1 MiB");
    text.value = (await file.text()).replaceAll("\r\n", "\n");
    chosen.value = file.name.endsWith(".ts") ? "typescript" : "python";
  }

  return (
    <>
      {errors.length > 0 && (
        <ul class="plain-list script-errors">
          {errors.map(({ line, column, message }) => (
            <li key={`${line}:${column}:${message}`}>
              {line !== null && (
                <b class="num">line {line}{column !== null && `, column ${column}`}</b>
              )} {message}
            </li>
          ))}
        </ul>
      )}
      <div
        class="editor"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          take(event.dataTransfer?.files[0]);
        }}
      >
        <pre class="gutter" ref={gutter} aria-hidden="true">
          {Array.from({ length: lines }, (_, index) => (
            <span key={index} class={wrong.has(index + 1) ? "wrong" : undefined}>{index + 1}{"\n"}</span>
          ))}
        </pre>
        <textarea
          class="code"
          name="script"
          aria-label="Script"
          spellcheck={false}
          wrap="off"
          rows={24}
          value={text}
          onInput={(event) => text.value = event.currentTarget.value}
          onScroll={(event) => {
            if (gutter.current !== null) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <div class="row">
        <label for="kind">Language</label>
        <select
          id="kind"
          name="kind"
          value={chosen}
          onChange={(event) => chosen.value = event.currentTarget.value as ScriptKind}
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
          onChange={(event) => take(event.currentTarget.files?.[0])}
        />
      </div>
    </>
  );
}
