import { describe, expect, it, vi } from 'vitest';
import { scriptRunner } from './custom.ts';

/** A runner, and what it did in order. */
function watched(load: (address: string) => Promise<unknown> = () => Promise.resolve()) {
  const story: string[] = [];
  const run = scriptRunner(
    (address) => {
      story.push(address);
      return load(address);
    },
    () => story.push('leave'),
  );
  return { run, story };
}

describe('the custom script', () => {
  it('runs once, and again each time another one was in between', async () => {
    const { run, story } = watched();
    for (const address of [null, '/a', '/a', '/b', '/a', null, null, '/a']) await run(address);
    expect(story).toEqual(['/a#1', 'leave', '/b#2', 'leave', '/a#3', 'leave', '/a#4']);
  });

  it('waits until the one before has started, so that each is told to leave after it ran', async () => {
    let started: () => void = () => undefined;
    const { run, story } = watched((address) =>
      address === '/slow#1' ? new Promise<void>((resolve) => (started = resolve)) : Promise.resolve(),
    );
    void run('/slow');
    const next = run('/next');
    await Promise.resolve();
    expect(story).toEqual(['/slow#1']);
    started();
    await next;
    expect(story).toEqual(['/slow#1', 'leave', '/next#2']);
  });

  it('is not waited for without end', async () => {
    vi.useFakeTimers();
    const { run, story } = watched(() => new Promise(() => undefined));
    void run('/stuck');
    void run('/next');
    await vi.advanceTimersByTimeAsync(6000);
    vi.useRealTimers();
    expect(story).toEqual(['/stuck#1', 'leave', '/next#2']);
  });

  it('that fails is reported, and the next one runs', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { run, story } = watched((address) => (address === '/bad#1' ? Promise.reject(new Error('no')) : Promise.resolve()));
    await run('/bad');
    await run('/good');
    expect(story).toEqual(['/bad#1', 'leave', '/good#2']);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});
