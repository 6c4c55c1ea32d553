const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text from elsewhere as text: nothing in it is markup, and nothing turns the direction of writing. */
export const escaped = (text: string): string =>
  text.replace(/\p{C}/gu, '\ufffd').replace(/[&<>"]/g, (character) => ENTITIES[character]!);

export const shortened = (text: string, length: number): string => {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
};

/** `1 link`, `2 links`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export const time = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
