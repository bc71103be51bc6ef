// Reads files of FHIR R4 and says, as one JSON list, what the standard's JSON schema has against each.
import { readFileSync } from 'node:fs';
import Validator from '@asymmetrik/fhir-json-schema-validator';

const validator = new Validator();
const faults = process.argv.slice(2).map((file) => {
  const resource = JSON.parse(readFileSync(file, 'utf8'));
  return validator.validate(resource, true) ?? [];
});
console.log(JSON.stringify(faults));
