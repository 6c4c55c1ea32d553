// Writes scenario.schema.json from the definition of the format: node netns-scripts/write-schema.ts
import { writeFileSync } from 'node:fs';
import { scenarioSchema } from './src/spec.ts';

writeFileSync(
  new URL('scenario.schema.json', import.meta.url),
  `${JSON.stringify(scenarioSchema(), null, 2)}\n`,
);
