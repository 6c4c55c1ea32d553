import { setImmediate as tick } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Door } from './door.ts';

test('lets as many through at once as it is wide, in their order, and leaving twice counts once', async () => {
  const door = new Door(2);
  const inside = new Set<number>();
  const entered: number[] = [];
  let most = 0;
  const guest = async (number: number) => {
    const leave = await door.enter();
    entered.push(number);
    inside.add(number);
    most = Math.max(most, inside.size);
    for (let turn = 0; turn < number % 3; turn++) await tick();
    inside.delete(number);
    leave();
    leave();
  };
  const guests = Array.from({ length: 10 }, (_, number) => number);
  await Promise.all(guests.map(guest));
  expect(entered).toEqual(guests);
  expect(most).toBe(2);
});
