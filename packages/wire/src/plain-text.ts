/** Characters that move a cursor, end a line, reorder text or cannot be seen: control, format, separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text of somebody else, fit for a log or a terminal: at most `maxLength` UTF-16 units. */
export function plainText(text: string, maxLength = 512): string {
  return text
    .replace(UNPRINTABLE, '')
    .slice(0, maxLength)
    .replace(/[\uD800-\uDBFF]$/, '');
}
