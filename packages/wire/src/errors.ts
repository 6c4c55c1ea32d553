/**
 * Base of every error that a person may see: `code` is a literal that scripts can compare, `message` one line
 * that says what to do next. Hostile input is not an error: decoders return null for it.
 */
export class OvercallError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'OvercallError';
    this.code = code;
  }
}
