/**
 * Base of every error that a person may see: `code` is a literal that scripts can compare, `message` names the
 * thing. What to do next stands in one table by code (`remedies.ts` of packages/cli); `remedy` takes its place where
 * the case at hand has a better one. Hostile input is not an error: decoders return null for it.
 */
export class OvercallError extends Error {
  readonly code: string;
  readonly remedy: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    const { remedy, ...rest } = options;
    super(message, rest);
    this.name = 'OvercallError';
    this.code = code;
    this.remedy = remedy;
  }
}
