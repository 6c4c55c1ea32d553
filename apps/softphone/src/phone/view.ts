import { chatLines, typedLine } from './chat-view.ts';
import { complete } from './completion.ts';
import type { DeskCall, DeskContact, DeskState } from './desk-state.ts';
import { pathLine, statsRows } from './path-line.ts';
import type { Line, Picture } from './screen.ts';
import { apart, clockText, fit, widthOf, wrap } from './text.ts';

/** What stays free at the right: see the screen. */
const MARGIN = 1;
/** Characters of a level meter. */
const METER = 12;
/** Rows of notices shown at the most, and how far those are indented that go on. */
const MAX_NOTICES = 4;
const NOTICE_INDENT = 7;

const KEYS =
  'h help  q quit  d dial  t text  a accept  b hang up  m mute  x hold  c stats  v verify  l calls';

const HELP = [
  'd        dial a name; Tab completes it, Esc gives up',
  'Enter    call whom the arrow keys have chosen; take the call that rings',
  't        write to whom one talks with, or has chosen; Enter sends, Esc goes back',
  'a, b     accept; decline or hang up',
  'm, x     mute; hold',
  '0-9 * #  press a key in the call',
  'c        statistics of the call',
  'v        safety number: compare it by voice, y marks it as verified',
  'l        calls of late, the missed ones too',
  'n        do not disturb: who calls hears that you are busy',
  'k        block whom the arrow keys have chosen, or not any more',
  'h, Esc   this; back',
  'q        quit',
];

/** What the screen shows of a desk, as many rows as there are. `nowMs`: ms since 1970. */
export function view(state: DeskState, columns: number, rows: number, nowMs: number): Picture {
  const width = columns - MARGIN;
  const head: Line[] = [headLine(state, width), { text: '-'.repeat(width) }];
  const foot = footOf(state, width, nowMs);
  const room = Math.max(0, rows - head.length - foot.length);
  const body = bodyOf(state, width, room);
  const filled = [...body.slice(0, room), ...Array<Line>(Math.max(0, room - body.length)).fill({ text: '' })];
  // Where there is hardly any room, what the call does is what counts.
  const lines = [...head, ...filled, ...foot].slice(-rows);
  const typed = typedText(state, width);
  const row = typed === null ? -1 : lines.findLastIndex(({ text }) => text === typed);
  const cursor = row < 0 ? null : { row, column: widthOf(typed!) };
  return { lines, cursor };
}

const DIAL = 'call: ';

/** The line at whose end somebody types. */
function typedText({ mode, dialText, chat }: DeskState, width: number): string | null {
  if (mode === 'dial') return `${DIAL}${dialText}`;
  return mode === 'text' && chat !== null ? typedLine(chat, width) : null;
}

function headLine(state: DeskState, width: number): Line {
  const [first, ...others] = state.supernodes;
  const where =
    first === undefined
      ? 'attaching ...'
      : `${first.name} ${Math.round(first.rttMs)} ms${others.length > 0 ? ' + spare' : ''}`;
  const remarks = [
    ...(state.doNotDisturb ? ['do not disturb'] : []),
    ...(state.unseen.size > 0 ? ['new messages'] : []),
    ...(state.missed > 0 ? [`${state.missed} missed (l)`] : []),
  ];
  const left = [`overcall  ${state.name}`, ...remarks].join('  ');
  return { text: apart(left, where, width), style: 'bold' };
}

function bodyOf(state: DeskState, width: number, room: number): Line[] {
  switch (state.mode) {
    case 'help':
      return HELP.map((text) => ({ text }));
    case 'calls':
      return callLines(state, room);
    case 'safety':
      return safetyLines(state);
    case 'text':
      return state.chat === null ? [] : chatLines(state.chat, width, room);
    case 'dial':
    case 'contacts':
      return contactLines(state, width, room);
  }
}

function contactLines({ contacts, selected, mode, unseen }: DeskState, width: number, room: number): Line[] {
  if (contacts.length === 0)
    return [{ text: 'No contacts yet: whom you call becomes one. d dials, h helps.' }];
  const first = Math.max(0, Math.min(selected - room + 1, contacts.length - room));
  return contacts.slice(first, first + room).map((contact, index) => {
    const isChosen = first + index === selected && mode === 'contacts';
    const text = fit(contactText(contact, isChosen, unseen.get(contact.name) ?? 0), width);
    return isChosen ? { text, style: 'reverse' } : { text };
  });
}

function contactText(
  { name, verified, blocked, attached }: DeskContact,
  isChosen: boolean,
  unseen: number,
): string {
  const presence = attached === null ? '' : attached ? 'attached' : 'away';
  const remarks = [
    ...(unseen > 0 ? [`${unseen} new (t)`] : []),
    ...(verified ? ['verified'] : []),
    ...(blocked ? ['blocked'] : []),
  ].join(', ');
  return `${isChosen ? '>' : ' '} ${attached ? '*' : ' '} ${fit(name, 20)} ${fit(presence, 9)} ${remarks}`;
}

function callLines({ calls }: DeskState, room: number): Line[] {
  if (calls.length === 0) return [{ text: 'No calls yet.' }];
  const latest = calls.slice(-Math.max(1, room)).reverse();
  return latest.map(({ at, peer, direction, outcome, durationS }) => {
    const how = outcome === 'answered' ? clockText(durationS) : outcome;
    const text = `${dateText(at)}  ${direction === 'incoming' ? 'from' : 'to  '} ${fit(peer, 20)} ${how}`;
    return outcome === 'missed' ? { text, style: 'bold' } : { text };
  });
}

function safetyLines({ safety }: DeskState): Line[] {
  if (safety === null) return [];
  if (safety.number === null) return [{ text: `asking for the key of ${safety.name} ...` }];
  const groups = safety.number.split(' ');
  return [
    { text: `Safety number with ${safety.name}:` },
    { text: '' },
    { text: `    ${groups.slice(0, 6).join(' ')}`, style: 'bold' },
    { text: `    ${groups.slice(6).join(' ')}`, style: 'bold' },
    { text: '' },
    { text: `Does ${safety.name} see the same one? y marks it as verified, any other key goes back.` },
  ];
}

function footOf(state: DeskState, width: number, nowMs: number): Line[] {
  const rule = { text: '-'.repeat(width) };
  const notices = state.notices
    .slice(-MAX_NOTICES)
    .flatMap(({ at, text }) => wrap(`${timeText(at)}  ${text}`, width, NOTICE_INDENT))
    .slice(-MAX_NOTICES)
    .map((text) => ({ text }));
  return [rule, ...askLines(state, width, nowMs), ...notices, { text: fit(KEYS, width), style: 'reverse' }];
}

function askLines(state: DeskState, width: number, nowMs: number): Line[] {
  const { call, mode, dialText } = state;
  if (mode === 'dial') {
    const { names } = complete(dialText, state);
    return [{ text: `${DIAL}${dialText}` }, { text: `      ${names.join('  ')}` }];
  }
  const typed = typedText(state, width);
  return [
    ...(typed === null ? [] : [{ text: typed }]),
    ...(call === null ? [{ text: 'no call' }] : callPanel(state, call, nowMs)),
  ];
}

function callPanel(state: DeskState, call: DeskCall, nowMs: number): Line[] {
  if (call.phase === 'incoming')
    return [{ text: `${call.peer} is calling: a accepts, b declines`, style: 'reverse' }];
  if (call.phase !== 'talking')
    return [{ text: call.phase === 'ringing' ? `${call.peer} is ringing` : `calling ${call.peer} ...` }];
  const remarks = [
    ...(call.muted.self ? ['muted'] : []),
    ...(call.held.self ? ['on hold'] : []),
    ...(call.muted.peer ? [`${call.peer} is muted`] : []),
    ...(call.held.peer ? [`${call.peer} has you on hold`] : []),
  ];
  const time = clockText((nowMs - (call.answeredAt ?? nowMs)) / 1000);
  return [
    { text: [`talking with ${call.peer}  ${time}`, ...remarks].join('  '), style: 'bold' },
    { text: pathLine(call.path, call.stats) },
    ...(state.levels === null ? [] : [{ text: meters(state.levels, call.peer) }]),
    ...(state.showsStats && call.stats !== null
      ? statsRows(call.stats).map(([name, value]) => ({ text: `  ${fit(name, 16)}${value}` }))
      : []),
  ];
}

function meters({ mine, theirs }: { mine: number; theirs: number }, peer: string): string {
  return `you [${bar(mine)}]  ${peer} [${bar(theirs)}]`;
}

const bar = (level: number) => fit('#'.repeat(Math.round(Math.max(0, Math.min(1, level)) * METER)), METER);

const two = (value: number) => String(value).padStart(2, '0');

function timeText(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

function dateText(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${timeText(at)}`;
}
