import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { OutputWatch } from './output-watch.ts';

const failing = (code: string) => {
  const output = new PassThrough();
  const watch = new OutputWatch(output);
  output.destroy(Object.assign(new Error(code), { code }));
  return watch;
};

it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('says that what was printed found no room (%s)', async (code) => {
  expect(await failing(code).close()).toMatchObject({
    code: 'output-unwritable',
    message: `not all could be printed (${code})`,
  });
});

it('says nothing where nobody reads any more, and where all went well', async () => {
  expect(await failing('EPIPE').close()).toBeNull();
  expect(await new OutputWatch(new PassThrough()).close()).toBeNull();
});
