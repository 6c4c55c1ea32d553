import { expect, it } from 'vitest';
import { CallTracker } from './control/call-tracker.ts';
import { TypedCommands } from './typed-commands.ts';

const done: string[] = [];
const note = (what: string) => (callId: string) => void done.push(`${what} ${callId}`);
const tracker = new CallTracker();
const commands = new TypedCommands(
  {
    accept: note('accept'),
    decline: note('decline'),
    hangUp: note('hangup'),
    toggleMute: note('mute'),
    toggleHold: note('hold'),
    pressKeys: (callId, keys) => void done.push(`${keys} ${callId}`),
  },
  tracker,
);

it('goes to the call that rings, although the end of the last one is told only now', () => {
  commands.handle('accept');
  commands.handleKeys('1');
  tracker.handleEvent({ event: 'incoming', callId: 'first', from: 'bob' });
  commands.handle('hangup');
  // Somebody calls while the recording of the first call is being closed.
  tracker.handleEvent({ event: 'incoming', callId: 'second', from: 'carol' });
  tracker.handleEvent({ event: 'ended', callId: 'first' });
  for (const command of ['accept', 'mute', 'hold'] as const) commands.handle(command);
  commands.handleKeys('5#');
  tracker.handleEvent({ event: 'ended', callId: 'second' });
  commands.handle('decline');
  expect(done).toEqual(['hangup first', 'accept second', 'mute second', 'hold second', '5# second']);
});

it('goes on with the call of the other side when both called at once', () => {
  done.length = 0;
  tracker.handleEvent({ event: 'calling', callId: 'ours', to: 'bob' });
  tracker.handleEvent({ event: 'merged', callId: 'ours', winner: 'theirs' });
  commands.handle('hangup');
  expect(done).toEqual(['hangup theirs']);
});
