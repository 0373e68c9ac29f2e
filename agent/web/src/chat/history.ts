// What was asked before this browser came.

import { type ChatMessage, readQuestion } from './protocol.ts';

export interface Asked {
  question: ChatMessage;
  /** Whether the one who asks has voted for it. */
  isWanted: boolean;
}

/** All questions that the server knows; none where it does not answer. Without a token, as whoever reads along. */
export async function readQuestions(token: string | null): Promise<Asked[]> {
  try {
    const query = new URLSearchParams(token === null ? {} : { accessToken: token });
    const reply = await fetch(`/api/chat/questions?${query}`, { signal: AbortSignal.timeout(10_000) });
    const list: unknown = reply.ok ? await reply.json() : [];
    return Array.isArray(list) ? list.flatMap((one) => readAsked(one) ?? []) : [];
  } catch {
    return [];
  }
}

function readAsked(value: unknown): Asked | null {
  const question = readQuestion(value);
  return question && { question, isWanted: (value as { voted?: unknown }).voted === true };
}
