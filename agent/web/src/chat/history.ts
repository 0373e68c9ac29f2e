// What was asked before this browser came.

import { type ChatMessage, readQuestion } from './protocol.ts';

/** All questions that the server knows; none where it does not answer. */
export async function readQuestions(token: string): Promise<ChatMessage[]> {
  try {
    const query = new URLSearchParams({ accessToken: token });
    const reply = await fetch(`/api/chat/questions?${query}`, { signal: AbortSignal.timeout(10_000) });
    const list: unknown = reply.ok ? await reply.json() : [];
    return Array.isArray(list) ? list.flatMap((one) => readQuestion(one) ?? []) : [];
  } catch {
    return [];
  }
}
