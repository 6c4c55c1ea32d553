import { asTextMessage } from '@overcall/wire';
import type { Command } from 'commander';
import { MessageStore, type StoredMessage } from '../message-store.ts';
import { openContext } from './common.ts';

/** What was written from and to somebody, and is seen by that. */
export async function listMessages(command: Command, name: string, limit: number): Promise<void> {
  const { home, output } = openContext(command);
  const store = new MessageStore(home);
  try {
    for (const message of store.list(name, limit))
      output.event({ event: 'stored-message', ...message }, lineOf(message));
    await store.markSeen(name);
  } finally {
    await store.close();
  }
}

/** Cleaned when it came, and once more: the file may have been written by another program. */
function lineOf({ peer, direction, at, text, state }: StoredMessage): string {
  const time = new Date(at).toISOString().slice(0, 16).replace('T', ' ');
  const way = direction === 'incoming' ? '<' : '>';
  const mark = state === 'received' ? '*' : ' ';
  const remark =
    state === 'failed' ? '  (not delivered)' : state === 'sent' ? '  (perhaps not delivered)' : '';
  return `${mark} ${time}  ${way} ${peer}: ${asTextMessage(text) ?? ''}${remark}`;
}
