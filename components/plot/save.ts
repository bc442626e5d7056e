/** Hands a file to the browser's downloads. Browser only. */
export function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function saveText(svg: string, name: string): void {
  saveBlob(new Blob([svg], { type: "image/svg+xml" }), name);
}
