export { SMARTEM_BASE, toSmartem } from "./address.ts";
export { SmartemRefusal } from "./refusal.ts";
export type { Reply } from "./replies.ts";
export type { Found } from "./predictions.ts";
export { Smartem, type SmartemOptions } from "./service.ts";
