import { describe, expect, it } from 'vitest';
import { NewerLists } from './newer-lists.ts';

describe('a newer list', () => {
  it('is fetched once, from who has the newest, a random moment later', () => {
    const lists = new NewerLists(() => 0.5);
    lists.setOwn(5);
    lists.handleOffer('p', 5, 0);
    expect(lists.nextDeadline).toBeNull();
    lists.handleOffer('p', 6, 0);
    lists.handleOffer('q', 7, 100);
    expect([lists.poll(499), lists.nextDeadline]).toEqual([null, 500]);
    expect(lists.poll(500)).toBe('q');
    lists.handleOffer('r', 7, 510);
    expect(lists.poll(2000)).toBeNull();
    lists.setOwn(7);
    lists.handleFetched(true, 2000);
    expect([lists.poll(9000), lists.nextDeadline]).toEqual([null, null]);
  });

  it('that was no newer one makes its owner wait, and the next is asked', () => {
    const lists = new NewerLists(() => 0);
    lists.handleOffer('liar', 99, 0);
    lists.handleOffer('p', 6, 0);
    expect(lists.poll(0)).toBe('liar');
    lists.handleFetched(false, 10);
    expect(lists.poll(10)).toBe('p');
    lists.setOwn(6);
    lists.handleFetched(true, 20);
    lists.handleOffer('liar', 99, 30_000);
    expect(lists.poll(31_000)).toBeNull();
    lists.handleOffer('liar', 99, 60_011);
    expect(lists.poll(61_100)).toBe('liar');
  });

  it('is offered by a bounded number', () => {
    const lists = new NewerLists(() => 0);
    for (let i = 0; i < 1000; i++) lists.handleOffer(`p${i}`, 1 + i, 0);
    expect(lists.poll(0)).toBe('p63');
  });
});
