export { authApi, localPath } from "./api.ts";
export { Auth, cookieOf, type LoginRefusal, SESSION_COOKIE } from "./auth.ts";
export * from "./model.ts";
export { OWNER_COOKIE } from "./owners.ts";
export type { TokenAsk, TokenRefusal, TokenView } from "./tokens.ts";
export type { UserRefusal, UserView } from "./users.ts";
