import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { FieldInput } from "../components/FieldInput.tsx";
import {
  type Declared,
  PARAMETER_FIELD,
  parameterFields,
  PARAMETERS_SHOWN,
} from "../components/parameters.ts";
import { editedScript } from "../components/script_text.ts";

interface Props {
  /** What the script declares; `null`: nothing. */
  declared: Declared | null;
  /** What was typed, by name. */
  values: Record<string, string>;
  errors: Record<string, string>;
}

/** Typing pauses this long before the script is looked at again. */
const PAUSE_MS = 400;

/** The parameters a script declares, as a form that follows the editor; without scripts, as the page knew them. */
export default function ParameterForm({ declared, values, errors }: Props) {
  const known = useSignal(declared);
  const failure = useSignal<string | null>(null);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking: AbortController | undefined;
    async function look() {
      const script = editedScript.value;
      if (script === null) return;
      asking?.abort();
      asking = new AbortController();
      const { signal } = asking;
      const reply = await fetch("/api/v1/experiments/parameters", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ script: script.text, kind: script.kind }),
        signal,
      }).catch(() => null);
      const body = await reply?.json().catch(() => null);
      if (signal.aborted || reply === null || body === null) return;
      // What was declared before stays while a person is in the middle of a word.
      if (reply.ok) known.value = body.declared;
      failure.value = reply.ok ? null : body.detail ?? null;
    }
    const stop = editedScript.subscribe((script) => {
      clearTimeout(timer);
      if (script !== null) timer = setTimeout(look, PAUSE_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
      asking?.abort();
    };
  }, []);

  const fields = known.value === null ? [] : parameterFields(known.value);
  return (
    <section class="card" aria-label="Parameters">
      <header>
        <h2>Parameters</h2>
      </header>
      {failure.value !== null && <p class="error" role="status">{failure.value}</p>}
      {fields.length === 0
        ? (
          <p class="hint">
            A script that declares parameters in a comment gets a form here:{" "}
            <code>
              {'# parameters: {"temperature": {"type": "number", "unit": "°C", "default": 37}}'}
            </code>
          </p>
        )
        : (
          <>
            <input
              type="hidden"
              name={PARAMETERS_SHOWN}
              value={fields.map(({ name }) => name).join(",")}
            />
            {fields.map((field) => (
              <FieldInput
                key={field.name}
                field={field}
                id={`parameter-${field.name}`}
                name={PARAMETER_FIELD + field.name}
                value={values[field.name]}
                error={errors[field.name]}
              />
            ))}
          </>
        )}
    </section>
  );
}
