import { InvalidArgumentError } from 'commander';

/** For `argParser` of an option: a whole number within bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most) {
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is expected`);
    }
    return number;
  };
}

/** For `argParser` of an option: a number, also with a fraction, within bounds. */
export function decimalNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    if (!(number >= least && number <= most)) {
      throw new InvalidArgumentError(`a number from ${least} to ${most} is expected`);
    }
    return number;
  };
}
