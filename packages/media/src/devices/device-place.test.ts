import { expect, test } from 'vitest';
import { DevicePlace } from './device-place.ts';

const moves = (place: DevicePlace, names: string[]) => names.map((name) => place.handleDevice(name));

test('who asked for one device is on no other, until it is opened anew', () => {
  const place = new DevicePlace('mic', 'headset');
  expect(moves(place, ['headset', 'webcam', 'headset'])).toEqual([true, false, true]);
  place.reset();
  expect(place.isKnown).toBe(false);
  expect(moves(place, ['headset'])).toEqual([true]);
  expect(place.isKnown).toBe(true);
});

test('a device may be named by its number, and a monitor by its name', () => {
  expect(moves(new DevicePlace('speaker', '0'), ['headset', 'hdmi'])).toEqual([true, false]);
  expect(moves(new DevicePlace('mic', 'out.monitor'), ['out.monitor'])).toEqual([true]);
});

test('who asked for none in particular goes with the default one, but never to what a speaker plays', () => {
  expect(moves(new DevicePlace('mic', null), ['headset', 'webcam', 'out.monitor'])).toEqual([
    true,
    true,
    false,
  ]);
  expect(moves(new DevicePlace('mic', null), ['out.monitor'])).toEqual([false]);
  expect(moves(new DevicePlace('speaker', null), ['headset', 'hdmi'])).toEqual([true, true]);
});

test('where the first one may be another already, it has to be the one that was named', () => {
  expect(moves(new DevicePlace('mic', 'headset', true), ['webcam', 'headset'])).toEqual([false, true]);
  expect(moves(new DevicePlace('speaker', null, true), ['hdmi'])).toEqual([true]);
});
