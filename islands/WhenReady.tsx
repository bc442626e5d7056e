import { useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { connect, status } from "../components/live.ts";

/**
 * On a page made while the instrument was starting, before its devices were known: reads it again once they
 * are, unless a person has begun to type.
 */
export default function WhenReady() {
  useEffect(connect, []);
  useSignalEffect(() => {
    if (status.value === null || status.value.state === "starting") return;
    const field = document.activeElement;
    const typing = field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement;
    if (!typing || field.value === field.defaultValue) location.reload();
  });
  return (
    <p class="notice notice-info">
      <span class="dot" />
      <b>The instrument is starting</b>
      <span class="grow">
        Devices appear here as soon as their agents have brought them to safe.
      </span>
    </p>
  );
}
