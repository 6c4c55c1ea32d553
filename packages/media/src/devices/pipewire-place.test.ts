import { expect, test } from 'vitest';
import { pipewirePlaceReader } from './pipewire-place.ts';

/** What is told of the node `overcall`, line by line; nothing where it is not. */
const told = (...lines: string[]) => {
  const read = pipewirePlaceReader('overcall');
  return lines.map(read).filter((place) => place !== undefined);
};

test('the device that a node is linked to when the watch begins is read from the list of links', () => {
  const links = ['= mic:capture_MONO', '=   |-> other:input_MONO', '=   |-> overcall:input_MONO'];
  expect(told(...links, '= overcall:input_MONO', '=   |<- mic:capture_MONO')).toEqual(['mic']);
  expect(told('= overcall:output_FL', '=   |-> bluez_output.00:11:playback_FL')).toEqual([
    'bluez_output.00:11',
  ]);
  expect(told('= other:input_MONO', '=   |<- mic:capture_MONO')).toEqual([]);
});

test('what hears a speaker is a monitor', () => {
  expect(told('+ ear:monitor_MONO -> overcall:input_MONO')).toEqual(['ear.monitor']);
});

test('a device that goes, another one in its place, and the first one again are told once each', () => {
  expect(
    told(
      '+ mic:capture_FL',
      '+ mic:capture_FL -> overcall:input_MONO',
      '+ mic:capture_FR -> overcall:input_MONO',
      '- mic:capture_FL -> overcall:input_MONO',
      '- mic:capture_FR -> overcall:input_MONO',
      '- mic:capture_FR',
      '+ ear:monitor_MONO -> overcall:input_MONO',
      '- ear:monitor_MONO -> overcall:input_MONO',
      '+ mic:capture_FL -> overcall:input_MONO',
      '+ mic:capture_FL -> another:input_MONO',
    ),
  ).toEqual(['mic', null, 'ear.monitor', null, 'mic']);
});
