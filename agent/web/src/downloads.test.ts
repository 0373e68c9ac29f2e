import { describe, expect, it } from 'vitest';
import { Downloads } from './downloads.ts';

describe('downloads', () => {
  it('adds up the parts of a segment, and tells of whole ones alone', () => {
    const downloads = new Downloads();
    expect(downloads.take()).toBeNull();
    downloads.add(7, 100);
    downloads.add(7, 60);
    expect(downloads.take()).toBeNull();
    downloads.add(8, 200);
    downloads.add(9, 10);
    expect(downloads.take()).toBe(180);
    expect(downloads.take()).toBeNull();
    downloads.add(9, 20);
    downloads.add(10, 1);
    expect(downloads.take()).toBe(30);
  });
});
