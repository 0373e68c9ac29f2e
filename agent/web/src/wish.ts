// Whether the viewer wants the chat beside the stream. Kept in a cookie, unlike other choices: the server draws the room
// that the chat takes, and has to know before any script runs.

const NAME = 'nixcast-chat';

/** Seconds: a year. */
const LASTS = 31_536_000;

/** As agent/engine/src/web/page.rs reads it. */
export function isChatHidden(cookies: string): boolean {
  return cookies.split(';').some((cookie) => cookie.trim() === `${NAME}=hidden`);
}

/** What has the browser remember it. */
export function chatCookie(isHidden: boolean): string {
  return `${NAME}=${isHidden ? 'hidden' : 'shown'}; path=/; max-age=${LASTS}; samesite=lax`;
}
