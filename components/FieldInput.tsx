import type { Field } from "./form.ts";

interface Props {
  field: Field;
  id: string;
  /** Name in the form; default: the field's. */
  name?: string;
  value: unknown;
  error: string | undefined;
}

/** One field with its name, unit, limits and what is wrong with it. */
export function FieldInput({ field, id, name = field.name, value, error }: Props) {
  const shown = value === undefined || value === null ? field.initial ?? "" : String(value);
  const described = [
    field.hint === "" ? null : `${id}-hint`,
    error === undefined ? null : `${id}-error`,
  ].filter((part) => part !== null).join(" ") || undefined;
  const common = {
    id,
    name,
    "aria-describedby": described,
    "aria-invalid": error === undefined ? undefined : "true" as const,
  };
  return (
    <div class={field.kind === "boolean" ? "field check" : "field"}>
      <label for={id}>{field.label}</label>
      {field.kind === "choice"
        ? (
          <select {...common}>
            {!field.required && field.initial === undefined && (
              <option value="">{field.none ?? "unchanged"}</option>
            )}
            {field.choices!.map((choice) => (
              <option key={choice} value={choice} selected={choice === shown}>{choice}</option>
            ))}
          </select>
        )
        : field.kind === "boolean"
        ? <input {...common} type="checkbox" defaultChecked={shown === "true"} />
        : (
          <span class="with-unit">
            <input
              {...common}
              type={field.kind === "text" ? "text" : "number"}
              inputMode={field.kind === "text" ? undefined : "decimal"}
              step={field.kind === "integer" ? 1 : "any"}
              min={field.min}
              max={field.max}
              required={field.required}
              defaultValue={shown}
              autocomplete="off"
            />
            {field.unit !== "" && <span class="unit">{field.unit}</span>}
          </span>
        )}
      {field.hint !== "" && <span class="hint" id={`${id}-hint`}>{field.hint}</span>}
      {error !== undefined && <span class="error" id={`${id}-error`}>{error}</span>}
    </div>
  );
}
