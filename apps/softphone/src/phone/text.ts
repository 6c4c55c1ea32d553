/** Characters that take two columns in a terminal: East Asian wide ones (UAX 11), most of what usernames can hold. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;
/** Characters that take none: marks over the one before. */
const MARK = /\p{M}/u;

/** Text of others without what steers a terminal: controls, escape sequences, changes of direction. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '\ufffd');
}

function columnsOf(character: string): number {
  if (MARK.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Columns that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

/** As much of a text as fits. */
export function clip(text: string, columns: number): string {
  let width = 0;
  let clipped = '';
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns) return clipped;
    clipped += character;
  }
  return clipped;
}

/** Clipped or filled with blanks to just so many columns. */
export function fit(text: string, columns: number): string {
  const clipped = clip(text, columns);
  return clipped + ' '.repeat(Math.max(0, columns - widthOf(clipped)));
}

/** Two texts at the two ends of a line; the left one gives way. */
export function apart(left: string, right: string, columns: number): string {
  const rest = columns - widthOf(right);
  return rest < 8 ? clip(left, columns) : fit(left, rest - 1).concat(' ', right);
}

/** Seconds as people read them: 0:07, 12:30, 1:02:03. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Broken at blanks into rows that fit; those after the first are indented. */
export function wrap(text: string, columns: number, indent: number): string[] {
  const rows = [''];
  for (const word of text.split(/(?<= )/)) {
    const row = rows.at(-1)!;
    if (row.trim() === '' || widthOf(row + word.trimEnd()) <= columns) rows[rows.length - 1] = row + word;
    else rows.push(' '.repeat(indent) + word);
  }
  return rows.map((row) => row.trimEnd());
}
