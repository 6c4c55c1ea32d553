import { OvercallError } from '@overcall/wire';
import unhomoglyph from 'unhomoglyph';

/**
 * Usernames have one canonical form, and everything that a person types passes through it before it is looked up,
 * registered, signed or compared: NFKC, case folded, in one script. What people would read as the same name is
 * caught by {@link usernameSkeleton}.
 */
export const MAX_USERNAME_CHARS = 32;

/**
 * Scripts in everyday use (UAX 31, table 5). Japanese, Korean and Chinese write with several at once, which
 * UTS 39, section 5.1 counts as one.
 */
const SCRIPTS: readonly (readonly string[])[] = [
  ...['Latin', 'Cyrillic', 'Greek', 'Arabic', 'Armenian', 'Bengali', 'Devanagari', 'Ethiopic', 'Georgian'],
  ...[
    'Gujarati',
    'Gurmukhi',
    'Hebrew',
    'Kannada',
    'Khmer',
    'Lao',
    'Malayalam',
    'Myanmar',
    'Oriya',
    'Sinhala',
  ],
  ...['Tamil', 'Telugu', 'Thaana', 'Thai', 'Tibetan'],
].map((script) => [script]);
const WRITING_SYSTEMS = [
  ...SCRIPTS,
  ['Han', 'Hiragana', 'Katakana'],
  ['Han', 'Hangul'],
  ['Han', 'Bopomofo'],
].map((scripts) => new RegExp(`^[${scripts.map((script) => `\\p{scx=${script}}`).join('')}]*$`, 'u'));

/**
 * Letters and the marks that belong to a script. Left out: small letters without a capital, which are phonetic
 * ones made to look like others (ᴀ, ĸ), and modifier letters, which look like punctuation, but for the four that
 * words are spelled with (Japanese, Han, Thai, Lao).
 */
const LETTER = '(?:(?=\\p{Changes_When_Uppercased})\\p{Ll}|[\\p{Lo}ー々ๆໆ])';
const WORD = `(?:${LETTER}[\\p{Mn}\\p{Mc}]*|[0-9])+`;
const SHAPE = new RegExp(`^${WORD}(?:[._-]${WORD})*$`, 'u');
/** Marks that fit any letter, and characters that are not seen at all. */
const DECEPTIVE = /[\p{Script=Inherited}\p{Default_Ignorable_Code_Point}]/u;

/**
 * The one form of a username.
 * @throws OvercallError `username-invalid`, with one line that says what is wrong
 */
export function canonicalUsername(input: string): string {
  // Longer than anything that could shorten to a name: not worth normalising.
  if (input.length > MAX_USERNAME_CHARS * 8)
    throw invalid(`it has more than ${MAX_USERNAME_CHARS} characters`);
  const name = fold(input);
  if (name === '') throw invalid('it is empty');
  if ([...name].length > MAX_USERNAME_CHARS)
    throw invalid(`it has more than ${MAX_USERNAME_CHARS} characters`);
  if (DECEPTIVE.test(name) || !SHAPE.test(name)) {
    throw invalid('it may hold letters and digits, with single . _ or - between them');
  }
  const letters = name.replace(/[0-9._-]/g, '');
  if (!WRITING_SYSTEMS.some((pattern) => pattern.test(letters))) {
    throw invalid('all its letters must be of one script, such as Latin or Cyrillic');
  }
  return name;
}

/**
 * Case folding (Unicode 3.13, D145) by way of lower and upper case, which also takes ẞ and ß to ss; JavaScript has
 * no other. The final sigma that toLowerCase writes at the end of a word is the same letter. Blanks around a name are
 * not part of it.
 */
function fold(input: string): string {
  const upper = input.normalize('NFKC').trim().toLowerCase().toUpperCase();
  return upper.toLowerCase().replaceAll('ς', 'σ').normalize('NFKC');
}

function invalid(reason: string): OvercallError {
  return new OvercallError('username-invalid', `not a username: ${reason}`);
}

/**
 * What a canonical name looks like (UTS 39, section 4): names with the same skeleton could be taken for one
 * another (`rnax` and `max`, `al1ce` and `allce`, `сосо` in Cyrillic and `coco`), so a directory gives out only one of them. For comparing
 * only, never for showing. The last step, beyond UTS 39, puts 0 with o: the table has it with O alone.
 */
export function usernameSkeleton(canonical: string): string {
  return unhomoglyph(canonical.normalize('NFD')).normalize('NFD').toLowerCase();
}
