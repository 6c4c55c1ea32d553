import type { Chat, ChatLine } from './desk-state.ts';
import type { Line } from './screen.ts';
import { widthOf, wrap } from './text.ts';

/** How far a message goes in that takes more than a row. */
const INDENT = 7;
const REMARK: Partial<Record<ChatLine['state'], string>> = { sent: ' ...', failed: ' (not delivered)' };

/** What was written, the newest at the bottom. */
export function chatLines(chat: Chat, width: number, room: number): Line[] {
  if (chat.lines.length === 0) return [{ text: `Nothing was written yet to or by ${chat.with}.` }];
  const rows = chat.lines.slice(-Math.max(1, room)).flatMap(({ at, direction, text, state }): Line[] => {
    const who = direction === 'incoming' ? chat.with : 'you';
    const written = wrap(`${clock(at)}  ${who}: ${text}${REMARK[state] ?? ''}`, width, INDENT);
    return written.map((row) => (state === 'failed' ? { text: row, style: 'bold' } : { text: row }));
  });
  return rows.slice(-Math.max(1, room));
}

/** As much of the end of what is typed as fits beside the name and the cursor. */
export function typedLine({ with: name, typed }: Chat, width: number): string {
  const prompt = `to ${name}: `;
  const characters = [...typed];
  while (characters.length > 0 && widthOf(prompt) + widthOf(characters.join('')) >= width) characters.shift();
  return prompt + characters.join('');
}

function clock(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}
