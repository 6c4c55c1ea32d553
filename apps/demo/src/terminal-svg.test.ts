import { expect, it } from 'vitest';
import { terminalSvg } from './terminal-svg.ts';

const textsOf = (svg: string) => svg.match(/<text x="[\d.]+" y="\d+" textLength.*$/gm) ?? [];

it('puts every run of characters where it stands, in its style', () => {
  const svg = terminalSvg('plain \x1b[1mbold\x1b[0m\n\n\x1b[7m> me \x1b[27m&', 20, 'a <phone>');
  const [plain, bold, reverse, rest] = textsOf(svg);
  expect(plain).toMatch(/x="14.0" y="58" textLength="42.0".*>plain</);
  expect(bold).toMatch(/x="64.4" y="58".*font-weight="bold".*>bold</);
  expect(reverse).toMatch(/y="94".*fill="#16191f".*>&#62; me </);
  expect(rest).toMatch(/>&#38;</);
  expect(svg).toContain('<title>a &#60;phone&#62;</title>');
  expect(svg.match(/<rect /g)).toHaveLength(2);
});

it('keeps a style over the end of a line, as terminals do', () => {
  expect(textsOf(terminalSvg('\x1b[1ma\nb', 5, 't'))[1]).toContain('font-weight="bold"');
});
